"""A file of a host that is read in blocks."""

import uuid
from collections.abc import AsyncIterator
from contextlib import suppress

from telexec_client.connection import Connection
from telexec_client.core.failure import file_error
from telexec_client.errors import (
    ClientClosedError,
    ConnectionLostError,
    RemoteError,
    SessionLostError,
)
from telexec_schemas.filesystem import MAX_BLOCK_BYTES, CloseFile, ReadBlock
from telexec_schemas.filesystem import OpenFile as OpenFileParams
from telexec_schemas.identifiers import HandleId
from telexec_schemas.methods import CLOSE, OPEN, READ_BLOCK


class OpenFile:
    """A regular file of a host, open for reading: `async for block in file`, or `read`."""

    def __init__(self, connection: Connection, path: str, handle_id: HandleId) -> None:
        self._connection = connection
        self._path = path
        self._handle_id = handle_id

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the whole file from its start, in blocks."""
        offset = 0
        while block := await self.read(offset):
            yield block
            offset += len(block)

    async def read(self, offset: int, length: int = MAX_BLOCK_BYTES) -> bytes:
        """Return up to `length` bytes (1 to `MAX_BLOCK_BYTES`) at `offset`; `b""` at the end.

        Raises:
            FileError: The host cannot read it.
        """
        try:
            block = await self._connection.call(
                READ_BLOCK, ReadBlock(self._handle_id, offset, length)
            )
        except RemoteError as error:
            raise file_error(error, "read", self._path) from error
        return block.chunk

    async def close(self) -> None:
        """Give it back to the host. Idempotent."""
        # When the session is gone, the host has closed what belonged to it.
        with suppress(ConnectionLostError, SessionLostError, ClientClosedError):
            await self._connection.call(CLOSE, CloseFile(self._handle_id))


async def open_file(connection: Connection, path: str, uri: str) -> OpenFile:
    """Open a regular file.

    Raises:
        FileError: The host cannot open it.
    """
    handle_id = HandleId(uuid.uuid4().hex)
    try:
        await connection.call(OPEN, OpenFileParams(handle_id, uri))
    except RemoteError as error:
        raise file_error(error, "open", path) from error
    return OpenFile(connection, path, handle_id)
