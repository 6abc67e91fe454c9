"""Starting a process."""

import secrets

from msgspec import structs

from telexec_client.connection import Connection
from telexec_client.core.failure import says_process_exists, says_process_unknown, start_error
from telexec_client.errors import ProcessNotFoundError, RemoteError, StartError
from telexec_client.process.buffer import WINDOW_BYTES
from telexec_client.process.feed import ProcessFeed
from telexec_client.process.process import Process
from telexec_client.process.request import HostFacts, StartWish, start_request
from telexec_schemas.identifiers import ProcessId
from telexec_schemas.methods import START, TERMINATE
from telexec_schemas.process import Started, StartProcess, TerminateProcess

_ID_BYTES = 16
"""Of a process id, which nobody else makes by chance or guesses."""


async def start_process(connection: Connection, wish: StartWish, *, is_embedded: bool) -> Process:
    """Start a process; see `Client.start`."""
    process_id = ProcessId(secrets.token_hex(_ID_BYTES))
    facts = HostFacts(
        cwd_uri=connection.host.cwd, is_embedded=is_embedded, extensions=connection.extensions
    )
    request = start_request(wish, facts, process_id, WINDOW_BYTES)
    # Where the host does it, nothing comes from stderr.
    feed = ProcessFeed(connection, process_id, wish.argv[0], merge_stderr=wish.merge_stderr)
    if connection.extensions is not None and connection.extensions.binary_frames:
        request = structs.replace(request, handle=feed.handle)
    resumes = connection.resumes
    try:
        started = await _started(connection, request, resumes)
    except BaseException as error:
        feed.stop()
        if not isinstance(error, Exception) and wish.on_cancel == "kill":
            # Cancelled: it may run already, and nobody would ever know of it.
            connection.post(TERMINATE, TerminateProcess(process_id))
        raise
    feed.started(was_resumed=connection.resumes != resumes)
    return Process(connection, feed, process_id, wish, started)


async def _started(connection: Connection, request: StartProcess, resumes: int) -> Started:
    try:
        return await connection.call(START, request)
    except RemoteError as error:
        # Nobody else knows the id: it was we who started it, over a connection that broke.
        is_ours = connection.resumes != resumes and says_process_exists(error)
        grant = connection.extensions
        if is_ours and (grant is None or not grant.idempotent_start):
            return Started(request.process_id)
        if says_process_unknown(error):
            # It has run already, and the host remembers no more of it.
            raise ProcessNotFoundError(request.process_id) from error
        raise start_error(error, request.argv[0]) from error
    except UnicodeEncodeError as error:
        raise StartError(request.argv[0], "it holds what is not Unicode text") from error
