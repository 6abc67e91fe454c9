"""Frames as lines on the stdin and stdout of a local program."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import cast

from telexec_client.errors import HostUnreachableError
from telexec_client.transport.child import Child
from telexec_client.transport.transport import Receiver, Transport
from telexec_client.transport.write_gate import HIGH_WATER_BYTES, WriteGate

MAX_LINE_BYTES = 1024 * 1024 * 1024
"""The longest line that is read: more than any answer has, less than a memory."""


class StdioTransport(asyncio.Protocol):
    """A `Transport` over the stdin and stdout of a program that we started."""

    def __init__(self, child: Child, receiver: Receiver) -> None:
        self._loop = asyncio.get_running_loop()
        self._child = child
        self._receiver = receiver
        self._socket: asyncio.Transport | None = None
        self._gate = WriteGate()
        self._gone = asyncio.Event()
        self._line: list[bytes] = []
        self._line_bytes = 0
        self._unsent: list[bytes] = []
        self._is_reading = True
        self._is_over = False

    # What the connection uses.

    @property
    def last_heard(self) -> float:
        """See `Transport`."""
        return self._loop.time()

    def send(self, frame: bytes) -> None:
        """See `Transport`."""
        if self._is_over:
            return
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent += (frame, b"\n")

    async def drain(self) -> None:
        """See `Transport`."""
        await self._gate.wait()

    def pause_reading(self) -> None:
        """See `Transport`."""
        if self._is_reading and not self._is_over and self._socket is not None:
            self._is_reading = False
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        """See `Transport`."""
        if not self._is_reading and not self._is_over and self._socket is not None:
            self._is_reading = True
            self._socket.resume_reading()

    def abort(self) -> None:
        """See `Transport`."""
        self._end()
        if self._socket is not None:
            self._socket.abort()
        self._child.kill()

    async def close(self) -> None:
        """See `Transport`."""
        if not self._is_over:
            self.resume_reading()
            self._flush()
            self._end()
        if self._socket is not None:
            # The program sees the end of its input; what it still says is read and dropped.
            self._socket.write_eof()
        try:
            await self._child.reap()
        finally:
            if self._socket is not None:
                self._socket.abort()
        await self._gone.wait()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._socket = cast("asyncio.Transport", transport)
        self._socket.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        """Take what came, line by line."""
        *lines, rest = data.split(b"\n")
        for end in lines:
            if self._is_over:
                return
            line = b"".join((*self._line, end)) if self._line else end
            self._line.clear()
            self._line_bytes = 0
            if line:
                self._receiver.on_frame(line)
        if rest and not self._is_over:
            self._line.append(rest)
            self._line_bytes += len(rest)
            if self._line_bytes > MAX_LINE_BYTES:
                self._lose(f"the host sent a line of more than {MAX_LINE_BYTES} bytes")

    def eof_received(self) -> None:
        """Let the loop close the socket: the program has gone, or says nothing more."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._lose(self._why_lost(exc))
        self._gone.set()

    def pause_writing(self) -> None:
        """Make senders wait."""
        self._gate.shut()

    def resume_writing(self) -> None:
        """Let senders pass."""
        self._gate.open()

    # Inside.

    def _flush(self) -> None:
        pieces, self._unsent = self._unsent, []
        if pieces and self._socket is not None and not self._socket.is_closing():
            self._socket.writelines(pieces)

    def _lose(self, why: str) -> None:
        if self._is_over:
            return
        self._end()
        if self._socket is not None:
            self._socket.abort()
        self._receiver.on_lost(why)

    def _end(self) -> None:
        self._is_over = True
        self._gate.open_for_good()
        self._line.clear()

    def _why_lost(self, error: Exception | None) -> str:
        status = self._child.exit_status
        if status is not None:
            return f"its program ended with exit status {status}"
        return "its program closed its output" if error is None else f"its pipe broke: {error}"


class StdioDialer:
    """Starts a program that is a host on its stdin and stdout.

    Args:
        env: The program's whole environment.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self._argv = tuple(argv)
        self._env = env

    @property
    def address(self) -> str:
        """See `Dialer`."""
        return f"the program {self._argv[0]!r}"

    @property
    def can_redial(self) -> bool:
        """See `Dialer`."""
        # Its sessions are gone with it.
        return False

    async def dial(self, receiver: Receiver) -> Transport:
        """See `Dialer`."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                ours.settimeout(0)
                child = self._start(theirs)
            except BaseException:
                ours.close()
                raise
        transport = StdioTransport(child, receiver)
        try:
            await asyncio.get_running_loop().create_connection(lambda: transport, sock=ours)
        except BaseException:
            child.kill()
            ours.close()
            raise
        return transport

    def _start(self, io: socket.socket) -> Child:
        try:
            return Child(self._argv, self._env, io)
        except OSError as error:
            raise HostUnreachableError(self.address, str(error.strerror)) from error
