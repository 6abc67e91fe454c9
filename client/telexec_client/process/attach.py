"""Following processes that are there: of our own session, and of others."""

import uuid

from msgspec import UNSET

from telexec_client.connection import Connection
from telexec_client.core.failure import says_session_elsewhere, says_session_unknown
from telexec_client.errors import (
    ProcessFollowedError,
    RemoteError,
    SessionElsewhereError,
    SessionNotFoundError,
    TelexecError,
    UnsupportedError,
)
from telexec_client.process.feed import ProcessFeed, Watched
from telexec_client.process.followed import FollowedProcess
from telexec_client.process.process import Process
from telexec_client.process.request import StartWish
from telexec_schemas.attachment import ListProcesses, ProcessEntry, ProcessList
from telexec_schemas.identifiers import ProcessId
from telexec_schemas.methods import LIST
from telexec_schemas.process import Started


async def list_processes(connection: Connection, session: str | None) -> ProcessList:
    """List processes; see `Client.processes`."""
    grant = connection.extensions
    if grant is None or not grant.attach or (session is not None and not grant.sessions):
        raise UnsupportedError("list processes")
    try:
        return await connection.call(LIST, ListProcesses(UNSET if session is None else session))
    except RemoteError as error:
        raise _session_error(connection, session or "", error) from error


async def attach_process(
    connection: Connection, process_id: str, after_seq: int, after_bytes: int
) -> Process:
    """Follow a process of our own session; see `Client.attach`."""
    grant = connection.extensions
    if grant is None or not grant.attach:
        raise UnsupportedError("attach to a process")
    own_id = ProcessId(process_id)
    if connection.is_followed(own_id):
        raise ProcessFollowedError(process_id)
    feed = ProcessFeed(connection, own_id, process_id, after_seq=after_seq, after_bytes=after_bytes)
    entry = await _attached(feed)
    # It may have a stdin: the host does not tell.
    wish = StartWish(argv=entry.argv, tty=entry.tty, stdin=True)
    return Process(connection, feed, own_id, wish, Started(own_id, pid=entry.pid))


async def watch_process(
    connection: Connection, session: str, process_id: str, after_seq: int, after_bytes: int
) -> FollowedProcess:
    """Read along with a process of another session; see `Client.watch`."""
    grant = connection.extensions
    if grant is None or not grant.sessions:
        raise UnsupportedError("read along with a process of another session")
    watched = Watched(session, ProcessId(process_id))
    feed = ProcessFeed(
        connection,
        ProcessId(uuid.uuid4().hex),
        process_id,
        after_seq=after_seq,
        after_bytes=after_bytes,
        watched=watched,
    )
    try:
        entry = await _attached(feed)
    except RemoteError as error:
        raise _session_error(connection, session, error) from error
    return FollowedProcess(feed, watched.process_id, tuple(entry.argv), entry.pid)


async def _attached(feed: ProcessFeed) -> ProcessEntry:
    try:
        return await feed.attach()
    except BaseException:
        feed.leave()
        raise


def _session_error(connection: Connection, session: str, error: RemoteError) -> TelexecError:
    if says_session_unknown(error):
        return SessionNotFoundError(connection.address, error.text)
    if says_session_elsewhere(error):
        return SessionElsewhereError(session)
    return error
