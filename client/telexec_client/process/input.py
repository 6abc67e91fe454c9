"""What is written to a process."""

import asyncio
import uuid
from collections import deque

from telexec_client.connection import Call, Connection
from telexec_client.errors import (
    ProcessNotFoundError,
    ProtocolViolationError,
    StdinClosedError,
    UnsupportedError,
)
from telexec_schemas.identifiers import ProcessId, WriteId
from telexec_schemas.lifecycle import Limits
from telexec_schemas.methods import CLOSE_STDIN, WRITE
from telexec_schemas.process import CloseInput, InputStatus, WriteInput

CHUNK_BYTES = 256 * 1024
"""The most that one request carries."""

ENVELOPE_BYTES = 1024
"""What a request has besides the base64 of its chunk, at most."""

WRITES_IN_FLIGHT = 4
"""How many writes wait for their answer at once, on a host that keeps their order."""

END_OF_TRANSMISSION = b"\x04"
"""What ends the input of a terminal: ^D, at the start of a line (termios(3), VEOF)."""


class ProcessInput:
    """Writes to one process, in order."""

    def __init__(
        self,
        connection: Connection,
        process_id: ProcessId,
        program: str,
        *,
        tty: bool,
        handle: int,
    ) -> None:
        self._connection = connection
        self._process_id = process_id
        self._program = program
        self._tty = tty
        self._lock = asyncio.Lock()
        # Others may have written to it before us, and may after us.
        self._writer = uuid.uuid4().hex
        self._writes = 0
        grant = connection.extensions
        self._handle = handle if grant is not None and grant.binary_frames else None
        self._can_close = grant is not None and grant.close_stdin
        self._chunk_bytes = CHUNK_BYTES if grant is None else chunk_bytes(grant.limits)
        # A peer that we know nothing of may do two requests at once.
        self._max_in_flight = 1 if grant is None else WRITES_IN_FLIGHT

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of it; returns once the host has accepted it.

        When cancelled, some of it may be written.
        """
        view = memoryview(data).cast("B")
        in_flight: deque[Call[InputStatus]] = deque()
        async with self._lock:
            try:
                for start in range(0, len(view), self._chunk_bytes):
                    if len(in_flight) >= self._max_in_flight:
                        self._check(await in_flight.popleft().result())
                    in_flight.append(
                        await self._send(bytes(view[start : start + self._chunk_bytes]))
                    )
                while in_flight:
                    self._check(await in_flight.popleft().result())
            finally:
                for call in in_flight:
                    call.abandon()

    async def close(self) -> None:
        """End the input, behind all that was written."""
        if self._can_close:
            async with self._lock:
                await self._connection.call(CLOSE_STDIN, CloseInput(self._process_id))
        elif self._tty:
            await self.write(END_OF_TRANSMISSION)
        else:
            raise UnsupportedError("end the input of a process")

    async def _send(self, chunk: bytes) -> Call[InputStatus]:
        self._writes += 1
        if self._handle is not None:
            return await self._connection.begin_write(self._handle, chunk)
        write_id = WriteId(f"{self._writer}:{self._writes}")
        return await self._connection.begin(WRITE, WriteInput(self._process_id, chunk, write_id))

    def _check(self, answer: InputStatus) -> None:
        if answer.status == "stdinClosed":
            raise StdinClosedError(self._program)
        if answer.status == "unknownProcess":
            raise ProcessNotFoundError(self._process_id)
        if answer.status == "starting":
            raise ProtocolViolationError(
                f"cannot write to {self._program!r}: the host says that it still starts"
            )


def chunk_bytes(limits: Limits) -> int:
    """Return how much to write at once to a host that reads only frames up to its limit."""
    fitting = (limits.max_frame_bytes - ENVELOPE_BYTES) * 3 // 4
    return max(min(CHUNK_BYTES, fitting), 1)
