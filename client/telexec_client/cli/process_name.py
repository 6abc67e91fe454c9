"""How a command line names the processes of sessions: pure."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from telexec_client.cli.errors import CommandError
from telexec_client.cli.printable import printable
from telexec_schemas.attachment import ProcessEntry
from telexec_schemas.lifecycle import SessionName

MAX_SESSION_CHARS = 64
"""How long the name of a session may be."""

SHORT_ID_CHARS = 8
"""How much of a process's id is shown; the beginning of an id names it, if it is that of one."""

_SHOWN_CANDIDATES = 4
"""How many processes an error names that were meant by what was too short."""


class InvalidProcessNameError(CommandError):
    """A text is no `SESSION[/PROCESS]`."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"cannot use {printable(text)!r} as a process: write SESSION or SESSION/PROCESS"
        )


class InvalidSessionNameError(CommandError):
    """A text cannot be the name of a session."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"cannot call a session {printable(text)!r}: use up to {MAX_SESSION_CHARS} letters,"
            " digits, '.', '_' and '-', with a letter or a digit first"
        )


class NoSuchProcessError(CommandError):
    """A session has no process of the name, or none at all."""

    def __init__(self, name: "ProcessName") -> None:
        what = "any process" if name.process is None else f"a process {printable(name.process)!r}"
        super().__init__(
            f"cannot find {what} in session {name.session!r}: what ended may be forgotten already;"
            f" telexec ps {name.session}"
        )


class AmbiguousProcessError(CommandError):
    """A name is that of several processes."""

    def __init__(self, name: "ProcessName", candidates: Sequence[ProcessEntry]) -> None:
        shown = [full_name(name.session, it) for it in candidates[:_SHOWN_CANDIDATES]]
        more = len(candidates) - len(shown)
        listed = ", ".join(shown) + (f" and {more} more" if more else "")
        super().__init__(f"cannot tell which process {str(name)!r} is: there are {listed}")


class ProcessName(NamedTuple):
    """A process by its session, which is a name or an id, and the beginning of its own id.

    Without `process`, the only one of the session.
    """

    session: str
    process: str | None = None

    def __str__(self) -> str:
        return self.session if self.process is None else f"{self.session}/{self.process}"


def parse_process_name(text: str) -> ProcessName:
    """Return what `SESSION[/PROCESS]` names.

    Raises:
        InvalidProcessNameError: It is not of that form.
    """
    session, slash, process = text.partition("/")
    if not session.isprintable() or not session or (slash and not process):
        raise InvalidProcessNameError(text)
    return ProcessName(session, process if slash else None)


def checked_session_name(text: str) -> str:
    """Return the name of a session.

    Raises:
        InvalidSessionNameError: No session can have it.
    """
    try:
        return msgspec.convert(text, SessionName)
    except msgspec.ValidationError as error:
        raise InvalidSessionNameError(text) from error


def chosen(name: ProcessName, entries: Sequence[ProcessEntry]) -> ProcessEntry:
    """Return the process of a session that a name means.

    Without `process` that is the only one that runs, or the only one there is.

    Raises:
        NoSuchProcessError: It means none.
        AmbiguousProcessError: It means several.
    """
    candidates = list(entries)
    if name.process is not None:
        candidates = [it for it in entries if it.process_id.startswith(name.process)]
        exact = [it for it in candidates if it.process_id == name.process]
        candidates = exact or candidates
    elif len(candidates) > 1:
        candidates = [it for it in entries if it.state == "running"] or candidates
    if not candidates:
        raise NoSuchProcessError(name)
    if len(candidates) > 1:
        raise AmbiguousProcessError(name, candidates)
    return candidates[0]


def short_id(process_id: str) -> str:
    """Return what a process is called where people read it."""
    return printable(process_id[:SHORT_ID_CHARS])


def full_name(session: str, entry: ProcessEntry) -> str:
    """Return `SESSION/PROCESS`."""
    return f"{session}/{short_id(entry.process_id)}"
