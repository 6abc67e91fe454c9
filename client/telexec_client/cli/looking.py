"""Connections for looking at sessions of others, which nobody is disturbed by."""

import secrets

from telexec_client import Client, TelexecError
from telexec_client.cli.errors import CommandError
from telexec_client.cli.printable import printable
from telexec_client.cli.request import Target
from telexec_client.cli.session_book import KnownSession, worker_of
from telexec_client.cli.session_client import explained, session_client

MAX_TRIES = 64
"""How often another worker of a host is asked for: of eight, a wanted one is missed once in 5,000
times."""

_WHEN_BUSY = "on a host with several workers, its id is needed to look at it; see telexec ps --all"
_RANDOM_BYTES = 8


class WorkerUnreachedError(CommandError):
    """No connection came to the worker that has the session."""

    def __init__(self, session: str) -> None:
        super().__init__(
            f"cannot look at session {printable(session)!r}: it is at another worker of the host,"
            f" which none of {MAX_TRIES} connections came to; try again, or attach to it"
        )


async def open_to_look(target: Target, session: str, known: KnownSession | None = None) -> Client:
    """Open a session of our own on the worker that has another one.

    Args:
        target: The host.
        session: The name or id of the session to look at.
        known: What is known of it here.

    Raises:
        CommandError: There is no such session, or its worker is not found.
        TelexecError: See `connect`.
    """
    client = await session_client(target)
    ours = worker_of(client.session_id)
    if ours is None:
        return client
    session_id = await _id_of(target, session) if known is None else known.session_id
    for _ in range(MAX_TRIES):
        if worker_of(client.session_id) == worker_of(session_id):
            return client
        await client.close()
        # Its name says which worker a session is at, in a way that is the host's own.
        client = await session_client(target, session=f"look-{secrets.token_hex(_RANDOM_BYTES)}")
    await client.close()
    raise WorkerUnreachedError(session)


async def _id_of(target: Target, session: str) -> str:
    """Return the id of a session, which says its worker."""
    if worker_of(session) is not None:
        return session
    try:
        client = await session_client(target, session=session, mode="resume")
    except TelexecError as error:
        raise explained(error, session, when_busy=_WHEN_BUSY) from error
    await client.detach()
    return client.session_id
