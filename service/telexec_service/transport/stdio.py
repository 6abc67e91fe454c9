"""The peer of a service that was started as a child: lines of JSON on stdin and stdout."""

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from typing import cast

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.frame import UNKNOWN_REQUEST_ID, encode_failure
from telexec_service.config import Limits
from telexec_service.core.failure import RpcFailure, limit_reached
from telexec_service.core.peer import Peer, Receiver
from telexec_service.transport.address import ListenError
from telexec_service.transport.inbox import Inbox
from telexec_service.transport.outbox import CONGESTED_BYTES, Outbox


class StdioConnection(asyncio.Protocol):
    """Both directions of the peer, over one transport or two.

    Args:
        on_closed: Called once when stdin ended or stdout broke.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        accept: Callable[[Peer], Receiver],
        on_closed: Callable[[], None],
    ) -> None:
        self._limits = limits
        self._on_closed = on_closed
        self._reading: asyncio.ReadTransport | None = None
        self._writing: asyncio.WriteTransport | None = None
        self._line = bytearray()
        self._is_skipping = False
        self._outbox = Outbox(self._flush)
        self._inbox = Inbox(
            self._deliver, is_full=lambda: self.is_full, on_turn=self._regulate_reading
        )
        self._is_lost = False
        self._is_ending = False
        self._is_reading_paused = False
        self._all_written = asyncio.Event()
        self._receiver = accept(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read from this transport."""
        self._reading = cast("asyncio.ReadTransport", transport)

    def write_to(self, transport: asyncio.WriteTransport) -> None:
        """Write to this transport, also what was queued before it was there."""
        self._writing = transport
        transport.set_write_buffer_limits(high=min(CONGESTED_BYTES, self._limits.max_unsent_bytes))
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""
        self._inbox.begin_turn()
        *lines, rest = data.split(b"\n")
        for line in lines:
            if self._is_ending:
                return
            self._extend(line)
            message, self._line = self._line, bytearray()
            if self._is_skipping:
                self._is_skipping = False
            elif message:
                self._inbox.put(bytes(message))
        self._extend(rest)
        self._regulate_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody that the peer is gone."""
        del exc
        if cast("object", self._reading) is self._writing:
            self._all_written.set()
        if self._is_lost:
            return
        self._inbox.finish()
        self._is_lost = True
        self._receiver.on_lost()
        self._on_closed()

    def writing_lost(self, exc: Exception | None) -> None:
        """Note that stdout took all it ever will."""
        self._all_written.set()
        self.connection_lost(exc)

    async def wait_until_written(self) -> None:
        """Return once the peer has all that was queued before `go_away`."""
        if self._writing is not None:
            await self._all_written.wait()

    @property
    def address(self) -> str:
        """Where the peer is."""
        return "stdio"

    @property
    def credential(self) -> bytes | None:
        """What stands for the peer's token: there is none."""
        return None

    @property
    def is_congested(self) -> bool:
        """Whether output should wait for `Receiver.on_writable`."""
        if self._is_lost or self._is_ending:
            # Nothing that is sent now arrives: it must not count as pushed.
            return True
        return self._outbox.is_congested

    @property
    def is_full(self) -> bool:
        """Whether the peer has to take what was sent before it is answered more."""
        written_bytes = 0 if self._writing is None else self._writing.get_write_buffer_size()
        return self._outbox.is_beyond(self._limits.max_unsent_bytes, written_bytes)

    def pause_writing(self) -> None:
        """Note that stdout takes no more for now."""
        self._outbox.is_blocked = True

    def resume_writing(self) -> None:
        """Go on: stdout takes more."""
        self._outbox.is_blocked = False
        self._note_written()

    @property
    def takes_binary(self) -> bool:
        """False: a message is a line."""
        return False

    def send_binary(self, header: bytes, data: bytes) -> None:
        """Fail: nobody is offered what a line cannot carry."""
        raise RuntimeError(f"cannot send {len(header) + len(data)} binary bytes as a line of JSON")

    def send(self, *parts: bytes) -> None:
        """Queue one line; all of one turn of the loop leave in one write."""
        if self._is_lost or self._is_ending:
            return
        self._outbox.add(sum(map(len, parts)) + 1, *parts, b"\n")

    def close(self, why: str) -> None:
        """End the connection after what is queued, because the peer broke the protocol."""
        failure = RpcFailure(ErrorCode.INVALID_REQUEST, ErrorReason.MALFORMED_FRAME, why)
        self.send(encode_failure(UNKNOWN_REQUEST_ID, failure.to_wire()))
        self.go_away()

    def dismiss(self, why: str) -> None:
        """End the connection after what is queued; a line has no place for the reason."""
        del why
        self.go_away()

    def go_away(self) -> None:
        """End the connection after what is queued."""
        self._is_ending = True
        self._flush()
        if self._writing is not None:
            self._writing.close()
        if self._reading is not None:
            self._reading.close()

    def abort(self) -> None:
        """End the connection at once."""
        if self._writing is not None:
            self._writing.abort()

    async def is_alive(self) -> bool:
        """Whether the pipes are open: there is nobody else who could ask."""
        return not self._is_lost

    def confirm(self, on_confirmed: Callable[[], None]) -> None:
        """See `Peer`: there is no other connection by which anything could be asked for again."""
        asyncio.get_running_loop().call_soon(on_confirmed)

    def _deliver(self, message: bytes) -> None:
        if not self._is_ending:
            self._receiver.on_message(message)

    def _extend(self, part: bytes) -> None:
        if self._is_skipping:
            return
        self._line += part
        if len(self._line) <= self._limits.max_frame_bytes:
            return
        self._line.clear()
        self._is_skipping = True
        limit = self._limits.max_frame_bytes
        failure = limit_reached(
            f"cannot read a line of more than {limit} bytes (max_frame_bytes)",
            "max_frame_bytes",
            limit,
        )
        self.send(encode_failure(UNKNOWN_REQUEST_ID, failure.to_wire()))

    def _flush(self) -> None:
        if self._writing is None:
            return
        parts = self._outbox.take()
        if parts:
            self._writing.writelines(parts)
        self._note_written()

    def _note_written(self) -> None:
        self._inbox.go_on()
        self._regulate_reading()
        if not self._is_lost and self._outbox.is_relieved():
            self._receiver.on_writable()

    def _regulate_reading(self) -> None:
        if self._writing is None or self._reading is None or self._is_ending or self._is_lost:
            return
        if (self._inbox.is_crowded or self.is_full) is self._is_reading_paused:
            return
        self._is_reading_paused = not self._is_reading_paused
        if self._is_reading_paused:
            self._reading.pause_reading()
        else:
            self._reading.resume_reading()


class _StdoutProtocol(asyncio.Protocol):
    """What the loop tells of stdout, passed on; what comes out of a socket there is nobody's."""

    def __init__(self, connection: StdioConnection) -> None:
        self._connection = connection

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.writing_lost(exc)


async def connect_stdio(connection: StdioConnection) -> None:
    """Put a connection on stdin and stdout: two pipes, two sockets, or both on one socket.

    Raises:
        ListenError: They are something else, such as a file or a terminal.
    """
    loop = asyncio.get_running_loop()
    statuses = [os.fstat(descriptor) for descriptor in (0, 1)]
    if not all(stat.S_ISFIFO(s.st_mode) or stat.S_ISSOCK(s.st_mode) for s in statuses):
        raise ListenError(
            "cannot listen on stdio: stdin and stdout must be pipes or sockets, held by the"
            " program that started this one"
        )
    writing: asyncio.WriteTransport
    if os.path.samestat(*statuses):
        writing, _ = await loop.create_connection(lambda: connection, sock=_socket(0))
    elif stat.S_ISSOCK(statuses[1].st_mode):
        writing, _ = await loop.create_connection(
            lambda: _StdoutProtocol(connection), sock=_socket(1)
        )
    else:
        writing, _ = await loop.connect_write_pipe(
            lambda: _StdoutProtocol(connection), os.fdopen(os.dup(1), "wb", buffering=0)
        )
    connection.write_to(writing)
    if os.path.samestat(*statuses):
        return
    if stat.S_ISSOCK(statuses[0].st_mode):
        await loop.create_connection(lambda: connection, sock=_socket(0))
    else:
        await loop.connect_read_pipe(lambda: connection, os.fdopen(os.dup(0), "rb", buffering=0))


def _socket(descriptor: int) -> socket.socket:
    return socket.socket(fileno=os.dup(descriptor))
