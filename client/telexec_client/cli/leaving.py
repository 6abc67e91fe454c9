"""Noting the sessions that are left on hosts, and forgetting those that are gone."""

import os
import time
from collections.abc import Sequence

from msgspec import UNSET

from telexec_client import Client, Process, TelexecError
from telexec_client.cli.message import say
from telexec_client.cli.request import Target, Where
from telexec_client.cli.session_book import (
    KnownProcess,
    KnownSession,
    SessionBook,
    duration,
    local_time,
    why_gone,
)
from telexec_client.cli.session_client import NoSuchSessionError, explained
from telexec_client.cli.session_place import SessionPlace, place_of
from telexec_client.cli.state_file import StateFileError, state_file
from telexec_client.core.address import UnixAddress, parse_address
from telexec_client.errors import SessionNotFoundError


def lasting(target: Target) -> Target:
    """Return a host so that it is the same from another directory, and in one spelling.

    Raises:
        InvalidUrlError: Its URL cannot be used.
    """
    if target.url is None:
        return target
    address = parse_address(target.url)
    if isinstance(address, UnixAddress):
        address = UnixAddress(os.path.abspath(address.path))
    return target._replace(
        url=str(address),
        token_file=_absolute(target.token_file),
        ca_file=_absolute(target.ca_file),
    )


def note_session(
    client: Client, target: Target, name: str, processes: tuple[KnownProcess, ...] = ()
) -> None:
    """Note that a session is about to be left; a failure is said and changes nothing else.

    Args:
        client: Has the session.
        target: Its host, as `lasting` returns it.
        name: What it is called, or its id.
        processes: What was started in it.
    """
    known = KnownSession(
        name=name,
        session_id=client.session_id,
        url=target.url or "",
        lease_ms=round(client.lease_s * 1000),
        left_at_ms=_now_ms(),
        token_file=target.token_file,
        ca_file=target.ca_file,
        instance=_instance(client),
        processes=processes,
    )
    try:
        state_file().change(lambda book: book.with_session(known))
    except StateFileError as error:
        say(f"{error}; telexec ps finds it by its name only")


async def leave_process(client: Client, process: Process, target: Target, name: str) -> None:
    """Note a process that was started in a session, and leave the session to its host.

    Args:
        client: Has the session.
        process: Was started in it.
        target: The host.
        name: What the session is called.
    """
    known = KnownProcess(process.process_id, process.argv[0], _now_ms())
    note_session(client, lasting(target), name, (known,))
    await client.detach()


def warn_if_kept_shorter(client: Client, name: str, wanted_s: float) -> None:
    """Say if the host keeps a session for less than was asked for.

    Args:
        client: Has the session.
        name: What it is called.
        wanted_s: What was asked for; 0: nothing was.
    """
    if client.lease_s < wanted_s:
        say(
            f"the host keeps {name} for {duration(client.lease_s)} without a client, and not"
            f" {duration(wanted_s)}: its operator can allow more, with max_lease_s"
        )


def forget_sessions(gone: Sequence[KnownSession]) -> None:
    """Forget sessions that are gone; a failure is said and changes nothing else."""
    session_ids = {it.session_id for it in gone}
    if session_ids:
        try:
            state_file().change(lambda book: book.without(session_ids))
        except StateFileError as error:
            say(error)


def known_sessions() -> SessionBook:
    """Return the sessions that are known here; a file of no use is said and left."""
    file = state_file()
    try:
        if file.is_damaged():
            say(
                f"the list of sessions in {file.path} is damaged, and taken for empty; sessions are"
                " found with --host or --url"
            )
        return file.read()
    except StateFileError as error:
        say(error)
        return SessionBook()


def found_place(session: str, where: Where) -> SessionPlace:
    """Return where a session is, by its name or id, and what is known of it here.

    Raises:
        CommandError: That cannot be told.
        InvalidUrlError: The URL of the host cannot be used.
    """
    target = lasting(where.target)
    return place_of(session, known_sessions(), where._replace(target=target))


def reason_gone(known: KnownSession, asked: Client | None) -> str:
    """Return why a host does not have a session any more.

    Args:
        known: The session.
        asked: Who was told so; `None`: somebody who could not open a session to ask.
    """
    return why_gone(
        known,
        now_ms=_now_ms(),
        instance=None if asked is None else _instance(asked),
        asked_session_id=known.session_id if asked is None else asked.session_id,
        clock=local_time,
    )


def why_not_there(
    error: TelexecError, session: str, known: KnownSession | None, asked: Client | None = None
) -> Exception:
    """Return what to tell of a failure to have a session, and forget it if it is gone.

    Args:
        error: The failure.
        session: What the session was called.
        known: What is known of it here.
        asked: See `reason_gone`.
    """
    if not isinstance(error, SessionNotFoundError) or known is None:
        return explained(error, session)
    forget_sessions([known])
    why = f"{reason_gone(known, asked)}, and its output is gone"
    return NoSuchSessionError(session, why)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _instance(client: Client) -> str | None:
    grant = client.extensions
    return None if grant is None or grant.instance is UNSET else grant.instance


def _absolute(path: str | None) -> str | None:
    return None if path is None else os.path.abspath(path)
