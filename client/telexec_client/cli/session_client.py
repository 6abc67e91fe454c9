"""Opening sessions on the hosts that the command line names."""

from typing import Literal

from telexec_client import Client, connect
from telexec_client.cli.errors import CommandError
from telexec_client.cli.printable import printable
from telexec_client.cli.request import Target
from telexec_client.core.opening import Opening
from telexec_client.core.session_wish import SessionMode
from telexec_client.errors import (
    RemoteError,
    SessionElsewhereError,
    SessionInUseError,
    SessionNotFoundError,
    TelexecError,
    UnsupportedError,
)
from telexec_schemas.errors import ErrorReason

TAKE_OVER = "wait until it has left, or take the session from it with --take-over"
"""What to do where another client has a session."""


class NoSuchSessionError(CommandError):
    """A host has no session of the name.

    Attributes:
        session: What it was called.
    """

    def __init__(self, session: str, why: str) -> None:
        super().__init__(f"cannot find session {printable(session)!r}: {why}")
        self.session = session


class SessionBusyError(CommandError):
    """Another client has the session."""

    def __init__(self, session: str, hint: str) -> None:
        super().__init__(
            f"cannot have session {printable(session)!r}: another client is connected to it; {hint}"
        )


class WorkerAwayError(CommandError):
    """The worker of the host that has the session, if one does, serves nobody at the moment."""

    def __init__(self, session: str) -> None:
        super().__init__(
            f"cannot look into session {printable(session)!r}: the worker of the host that it would"
            " be at does not serve now; try again"
        )


class NotAllowedError(CommandError):
    """The host does not let the token do what was asked for."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{printable(text)}, which the token that was used does not have")


class PlainHostError(CommandError):
    """The host knows no sessions that go on without a client."""

    def __init__(self, error: UnsupportedError) -> None:
        super().__init__(f"{error}; only telexec-service does")


def session_client(
    target: Target,
    *,
    session: str | None = None,
    mode: SessionMode = "new",
    beside: str | None = None,
    on_disconnect: Literal["kill"] | float | None = None,
) -> Opening[Client]:
    """Open a session on a host; see `connect`."""
    return connect(
        target.url,
        token_file=target.token_file,
        ca_file=target.ca_file,
        session=session,
        session_mode=mode,
        beside=beside,
        on_disconnect=on_disconnect,
    )


def explained(error: TelexecError, session: str, *, when_busy: str = TAKE_OVER) -> Exception:
    """Return what to tell of a failure to have a session, or to look into it.

    Args:
        error: The failure.
        session: The name or id of the session.
        when_busy: What to do where another client has it.
    """
    if isinstance(error, SessionNotFoundError):
        return NoSuchSessionError(session, "it was never there, was ended, or its lease ran out")
    if isinstance(error, SessionElsewhereError):
        return WorkerAwayError(session)
    if isinstance(error, SessionInUseError):
        return SessionBusyError(session, when_busy)
    if isinstance(error, UnsupportedError):
        return PlainHostError(error)
    if isinstance(error, RemoteError) and error.reason == ErrorReason.CAPABILITY_MISSING:
        return NotAllowedError(error.text)
    return error
