"""The lean load generator: a WebSocket client that does as little as it can.

A `BufferedProtocol`: bytes are received where they are parsed. Frames are masked with a key of
zeros, which RFC 6455 (5.3) lets a client choose and which costs nothing.
"""

import asyncio
import base64
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any, cast

from benchmarks.subjects.dialect import Dialect
from benchmarks.subjects.subject import Connection, Running, Take

_BUFFER_BYTES = 1024 * 1024
_CLOSE, _PING, _PONG = 8, 9, 10


MakeRequest = Callable[[int], tuple[int, bytes]]
"""Writes a request under a number: the opcode and the payload of its frame."""


class HostRefusedError(Exception):
    """The server answered with an error, or ended the connection."""


class LeanProcess(Running):
    """A process as the load generator knows it."""

    def __init__(self, connection: "LeanConnection", process_id: bytes, take: Take) -> None:
        self.take = take
        self.exit_code: int | None = None
        self.is_closed = False
        self.end: asyncio.Future[int] = connection.loop.create_future()
        self._connection = connection
        self._process_id = process_id

    def check_end(self) -> None:
        """Tell who waits, once the exit and the end of output have come, in whatever order."""
        if self.is_closed and self.exit_code is not None and not self.end.done():
            self.end.set_result(self.exit_code)

    async def write(self, data: bytes) -> None:
        # Nobody waits for the answer: its echo says as much.
        connection = self._connection
        connection.send(*connection.dialect.write(connection.next_id(), self._process_id, data))

    async def ended(self) -> int:
        return await self.end

    async def stop(self) -> None:
        connection = self._connection
        await connection.call(lambda number: connection.dialect.terminate(number, self._process_id))
        await self.end


class LeanConnection(asyncio.BufferedProtocol, Connection):
    """A connection and a session on it.

    Args:
        quick_ack: Acknowledge what came at once. A server that leaves Nagle's algorithm on sends
            its second small write only then, and the kernel would wait 40 ms.
    """

    def __init__(self, dialect: Dialect, sock: socket.socket, *, quick_ack: bool) -> None:
        self.loop = asyncio.get_running_loop()
        self.dialect = dialect
        self._sock = sock
        self._quick_ack = quick_ack
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray(16 * 1024)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self._is_upgraded: asyncio.Future[None] = self.loop.create_future()
        self._gone: asyncio.Future[None] = self.loop.create_future()
        self._processes: dict[bytes, LeanProcess] = {}
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._last_id = 0

    @classmethod
    async def open(
        cls, url: str, dialect: Dialect, *, token: str | None = None, quick_ack: bool = False
    ) -> "LeanConnection":
        """Connect to `ws://IP:PORT` and open a session."""
        host, _, port = url.removeprefix("ws://").rstrip("/").rpartition(":")
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, (host, int(port)))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await loop.create_connection(
                lambda: cls(dialect, sock, quick_ack=quick_ack), sock=sock
            )
        except BaseException:
            sock.close()
            raise
        try:
            await connection.upgrade(f"{host}:{port}", token)
            await connection.call(dialect.initialize)
            connection.send(*dialect.initialized())
        except BaseException:
            await connection.close()
            raise
        return connection

    async def start(self, argv: Sequence[str], take: Take, *, stdin: bool = False) -> LeanProcess:
        process_id = b"p%d" % self._last_id
        process = LeanProcess(self, process_id, take)
        self._processes[process_id] = process
        await self.call(lambda number: self.dialect.start(number, process_id, argv, stdin=stdin))
        return process

    def next_id(self) -> int:
        """Return the number of a new request."""
        self._last_id += 1
        return self._last_id

    async def call(self, make: MakeRequest) -> None:
        """Send a request and return when it was carried out."""
        number = self.next_id()
        answer: asyncio.Future[None] = self.loop.create_future()
        self._answers[number] = answer
        self.send(*make(number))
        await answer

    def send(self, opcode: int, payload: bytes) -> None:
        """Send one frame."""
        if self._transport is None:
            raise HostRefusedError("cannot send: the connection has ended")
        size = len(payload)
        if size < 126:
            head = bytes((0x80 | opcode, 0x80 | size))
        elif size < 65536:
            head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
        else:
            head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
        self._transport.write(head + b"\0\0\0\0" + payload)

    async def close(self) -> None:
        if self._transport is not None:
            self.send(_CLOSE, (1000).to_bytes(2, "big"))
            self._transport.close()
        await self._gone

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no such class, and have its methods.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        lost = HostRefusedError(f"cannot go on: the connection has ended ({exc})")
        waiting: list[asyncio.Future[Any]] = [self._is_upgraded, *self._answers.values()]
        waiting += [process.end for process in self._processes.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(lost)
                # Not everybody waits for all of them.
                future.exception()
        if not self._gone.done():
            self._gone.set_result(None)

    def get_buffer(self, sizehint: int) -> memoryview:
        if len(self._buffer) - self._end < len(self._buffer) // 4:
            # Room is made at the front, and by a larger buffer when one frame fills this one.
            rest = self._buffer[self._start : self._end]
            if len(rest) > len(self._buffer) // 2 or len(self._buffer) < _BUFFER_BYTES:
                self._buffer = bytearray(max(4 * len(self._buffer), 4 * len(rest)))
                self._view = memoryview(self._buffer)
            self._buffer[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        return self._view[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._quick_ack:
            # The kernel takes it back by itself (tcp(7)).
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._end += nbytes
        if not self._is_upgraded.done():
            self._take_upgrade()
        if self._is_upgraded.done():
            self._take_frames()

    # What the dialect calls.

    def on_output(self, process_id: bytes, data: bytes) -> None:
        self._processes[process_id].take(data)

    def on_exited(self, process_id: bytes, exit_code: int) -> None:
        process = self._processes[process_id]
        process.exit_code = exit_code
        self._check_end(process_id, process)

    def on_closed(self, process_id: bytes) -> None:
        process = self._processes[process_id]
        process.is_closed = True
        self._check_end(process_id, process)

    def on_answer(self, request_id: int, error: str | None) -> None:
        future = self._answers.pop(request_id, None)
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(HostRefusedError(f"cannot do it: {error}"))

    # Inside.

    def _check_end(self, process_id: bytes, process: LeanProcess) -> None:
        process.check_end()
        if process.end.done():
            del self._processes[process_id]

    async def upgrade(self, host: str, token: str | None) -> None:
        """Make it a WebSocket."""
        assert self._transport is not None
        key = base64.b64encode(os.urandom(16)).decode()
        login = f"Authorization: Bearer {token}\r\n" if token else ""
        self._transport.write(
            f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{login}\r\n".encode()
        )
        await self._is_upgraded

    def _take_upgrade(self) -> None:
        end = self._buffer.find(b"\r\n\r\n", 0, self._end)
        if end >= 0:
            status = self._buffer[: self._buffer.index(b"\r\n")].decode()
            if " 101" in status:
                self._start = end + 4
                self._is_upgraded.set_result(None)
            else:
                self._is_upgraded.set_exception(HostRefusedError(f"cannot connect: {status}"))

    def _take_frames(self) -> None:
        buffer, start, end = self._buffer, self._start, self._end
        while end - start >= 2:
            opcode, size = buffer[start] & 15, buffer[start + 1]
            payload_at = start + 2
            if size == 126:
                payload_at += 2
                size = int.from_bytes(buffer[start + 2 : payload_at], "big")
            elif size == 127:
                payload_at += 8
                size = int.from_bytes(buffer[start + 2 : payload_at], "big")
            payload_end = payload_at + size
            if payload_end > end:
                break
            if opcode < _CLOSE:
                self.dialect.take(buffer, payload_at, payload_end, self)
            elif opcode == _PING:
                self.send(_PONG, bytes(buffer[payload_at:payload_end]))
            start = payload_end
        if start == end:
            start = end = 0
        self._start, self._end = start, end
