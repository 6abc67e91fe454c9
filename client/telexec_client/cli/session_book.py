"""What is known here of sessions that were left on hosts, so that they can be found again: pure."""

import time
import uuid
from collections.abc import Callable, Collection

import msgspec
from msgspec import structs

from telexec_client.cli.request import Target

MAX_SESSIONS = 256
"""How many sessions are remembered; what was left first is forgotten first."""

MAX_PROCESSES = 64
"""How many processes of one session are remembered, of the newest."""

_WORKER_UUID_VERSION = 8
"""Of ids that say which worker of a host has the session, in their last byte."""


class KnownProcess(msgspec.Struct, frozen=True, rename="camel"):
    """A process that was started in a session; `program` is its first argument."""

    process_id: str
    program: str
    started_at_ms: int


class KnownSession(msgspec.Struct, frozen=True, rename="camel"):
    """A session that was left on a host.

    `url`, `token_file` and `ca_file` are as those of `connect`, with absolute paths. `instance` is
    that run of the host. The session outlives who left it at `left_at_ms` (since 1970, UTC) by
    `lease_ms`, unless somebody took it up since.
    """

    name: str
    session_id: str
    url: str
    lease_ms: int
    left_at_ms: int
    token_file: str | None = None
    ca_file: str | None = None
    instance: str | None = None
    processes: tuple[KnownProcess, ...] = ()

    @property
    def target(self) -> Target:
        """The host that it is on."""
        return Target(self.url, self.token_file, self.ca_file)


class SessionBook(msgspec.Struct, frozen=True):
    """All sessions that are known, those that were left last at the end."""

    sessions: tuple[KnownSession, ...] = ()

    def named(self, session: str) -> list[KnownSession]:
        """Return the sessions of a name or an id."""
        return [it for it in self.sessions if session in {it.name, it.session_id}]

    def with_session(self, known: KnownSession) -> "SessionBook":
        """Return the book with a session, in the place of what was known of it before.

        Processes that were known before and are not in `known` go on being known.
        """
        others = [it for it in self.sessions if it.session_id != known.session_id]
        (before, *_) = [it for it in self.sessions if it.session_id == known.session_id] or [known]
        listed = {it.process_id: it for it in (*before.processes, *known.processes)}
        processes = tuple(listed.values())[-MAX_PROCESSES:]
        sessions = (*others, structs.replace(known, processes=processes))
        return SessionBook(sessions[-MAX_SESSIONS:])

    def without(self, session_ids: Collection[str]) -> "SessionBook":
        """Return the book without some sessions."""
        return SessionBook(tuple(it for it in self.sessions if it.session_id not in session_ids))


def why_gone(
    known: KnownSession,
    *,
    now_ms: int,
    instance: str | None,
    asked_session_id: str,
    clock: Callable[[int], str],
) -> str:
    """Return why a host does not have a session any more, as far as can be told.

    Args:
        known: The session.
        now_ms: The time, since 1970, UTC.
        instance: Which run of the host says so.
        asked_session_id: The id of the session in which it says so.
        clock: Writes a time for people.
    """
    over_at_ms = known.left_at_ms + known.lease_ms
    # Each worker is a run of its own, which says nothing of the others.
    is_same_worker = worker_of(known.session_id) == worker_of(asked_session_id)
    if is_same_worker and None not in {instance, known.instance} and instance != known.instance:
        return "the host was started anew"
    if now_ms >= over_at_ms:
        return f"its lease of {duration(known.lease_ms / 1000)} ran out at {clock(over_at_ms)}"
    return "it was ended"


def worker_of(session_id: str) -> int | None:
    """Return which worker of a host has the session of an id; None: there is only one."""
    try:
        parsed = uuid.UUID(session_id)
    except ValueError:
        return None
    return parsed.bytes[-1] if parsed.version == _WORKER_UUID_VERSION else None


def duration(seconds: float) -> str:
    """Return a duration in words that fit into a sentence: `30 s`, `2 h`, `1.5 h`, `2 days`."""
    for unit, size_s in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= (2 * size_s if unit == "days" else size_s):
            return f"{round(seconds / size_s, 1):g} {unit}"
    return f"{round(seconds, 1):g} s"


def local_time(at_ms: int) -> str:
    """Return a time in the local time zone, with the date if that is not today's."""
    at, today = time.localtime(at_ms / 1000), time.localtime()
    form = "%H:%M:%S" if at[:3] == today[:3] else "%Y-%m-%d %H:%M:%S"
    return time.strftime(form, at)
