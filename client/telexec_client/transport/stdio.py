"""Frames as lines on the stdin and stdout of a local program."""

import asyncio
import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from io import FileIO

from telexec_client.errors import HostUnreachableError
from telexec_client.transport.child import Child
from telexec_client.transport.transport import Receiver, Transport
from telexec_client.transport.write_gate import HIGH_WATER_BYTES, WriteGate

MAX_LINE_BYTES = 1024 * 1024 * 1024
"""The longest line that is read: more than any answer has, less than a memory."""

EXIT_NEWS_S = 0.5
"""How long to wait for a program's end once it has closed a pipe."""

PIPE_BYTES = 1024 * 1024
"""The size of each pipe, if the system allows it: fewer turns for large messages."""


class _ProgramInput(asyncio.BaseProtocol):
    """The program's stdin, our way out."""

    def __init__(self, gate: WriteGate, on_lost: Callable[[Exception | None], None]) -> None:
        self._gate = gate
        self._on_lost = on_lost

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost(exc)

    def pause_writing(self) -> None:
        self._gate.shut()

    def resume_writing(self) -> None:
        self._gate.open()


class _ProgramOutput(asyncio.Protocol):
    """The program's stdout, taken apart into lines."""

    def __init__(
        self,
        on_line: Callable[[bytes], None],
        on_overlong: Callable[[str], None],
        on_lost: Callable[[Exception | None], None],
    ) -> None:
        self._on_line = on_line
        self._on_overlong = on_overlong
        self._on_lost = on_lost
        self._line: list[bytes] = []
        self._line_bytes = 0

    def data_received(self, data: bytes) -> None:
        *ends, rest = data.split(b"\n")
        for end in ends:
            line = b"".join((*self._line, end)) if self._line else end
            self._line.clear()
            self._line_bytes = 0
            if line:
                self._on_line(line)
        if rest:
            self._line.append(rest)
            self._line_bytes += len(rest)
            if self._line_bytes > MAX_LINE_BYTES:
                self._line.clear()
                self._on_overlong(f"its program sent a line of more than {MAX_LINE_BYTES} bytes")

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost(exc)


class StdioTransport:
    """A `Transport` over the stdin and stdout of a program that we started; see `open`."""

    def __init__(self, child: Child, receiver: Receiver) -> None:
        self._loop = asyncio.get_running_loop()
        self._child = child
        self._receiver = receiver
        self._input: asyncio.WriteTransport | None = None
        self._output: asyncio.ReadTransport | None = None
        self._gate = WriteGate()
        self._unsent: list[bytes] = []
        self._news: asyncio.TimerHandle | None = None
        self._is_reading = True
        self._is_over = False

    async def open(self, stdin: FileIO, stdout: FileIO) -> None:
        """Take over our ends of the program's pipes."""
        gate = self._gate
        self._input, _ = await self._loop.connect_write_pipe(
            lambda: _ProgramInput(gate, self._lose_input), stdin
        )
        self._input.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._output, _ = await self._loop.connect_read_pipe(
            lambda: _ProgramOutput(self._take, self._lose, self._lose_output), stdout
        )

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
        if self._is_reading and not self._is_over and self._output is not None:
            self._is_reading = False
            self._output.pause_reading()

    def resume_reading(self) -> None:
        """See `Transport`."""
        if not self._is_reading and not self._is_over and self._output is not None:
            self._is_reading = True
            self._output.resume_reading()

    def abort(self) -> None:
        """See `Transport`."""
        self._end()
        if self._input is not None:
            # asyncio ends a pipe transport twice, loudly, if it is aborted while it already ends.
            if not self._input.is_closing() or self._input.get_write_buffer_size():
                self._input.abort()
            self._input = None
        if self._output is not None:
            self._output.close()
            self._output = None
        self._child.kill()

    async def close(self) -> None:
        """See `Transport`."""
        try:
            if not self._is_over:
                # What the program still says is read and dropped: it must not wait for us.
                self.resume_reading()
                self._flush()
                self._end()
            if self._input is not None:
                # The program sees the end of its input, and goes.
                self._input.close()
            await self._child.reap()
        finally:
            self.abort()

    def _take(self, line: bytes) -> None:
        if not self._is_over:
            self._receiver.on_frame(line)

    def _flush(self) -> None:
        pieces, self._unsent = self._unsent, []
        if pieces and self._input is not None and not self._input.is_closing():
            self._input.writelines(pieces)

    def _lose_input(self, error: Exception | None) -> None:
        self._input = None
        self._lose_pipe(error)

    def _lose_output(self, error: Exception | None) -> None:
        self._output = None
        self._lose_pipe(error)

    def _lose_pipe(self, error: Exception | None) -> None:
        if self._is_over or self._news is not None:
            return

        def lose() -> None:
            self._lose(self._why_lost(error))

        # A program that closes a pipe mostly ends right after, and how it did says more.
        self._news = self._loop.call_later(EXIT_NEWS_S, lose)
        self._child.on_exit(lose)

    def _lose(self, why: str) -> None:
        if self._is_over:
            return
        # The session lives in the program: without a way to it, it is of no use.
        self.abort()
        self._receiver.on_lost(why, is_hung_up=True)

    def _end(self) -> None:
        self._is_over = True
        if self._news is not None:
            self._news.cancel()
        self._gate.open_for_good()

    def _why_lost(self, error: Exception | None) -> str:
        status = self._child.exit_status
        if status is not None:
            return f"its program ended with exit status {status}"
        return "its program closed a pipe" if error is None else f"its pipe broke: {error}"


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
        with ExitStack() as theirs, ExitStack() as ours:
            stdin_reader, stdin_writer = _pipe()
            theirs.enter_context(stdin_reader)
            ours.enter_context(stdin_writer)
            stdout_reader, stdout_writer = _pipe()
            theirs.enter_context(stdout_writer)
            ours.enter_context(stdout_reader)
            child = self._start(stdin_reader, stdout_writer)
            try:
                transport = StdioTransport(child, receiver)
                await transport.open(stdin_writer, stdout_reader)
            except BaseException:
                child.kill()
                raise
            # The transport closes them now.
            ours.pop_all()
        return transport

    def _start(self, stdin: FileIO, stdout: FileIO) -> Child:
        try:
            return Child(self._argv, self._env, stdin.fileno(), stdout.fileno())
        except OSError as error:
            raise HostUnreachableError(self.address, str(error.strerror)) from error


def _pipe() -> tuple[FileIO, FileIO]:
    reader, writer = os.pipe()
    # A smaller pipe does as well, only slower (pipe(7), pipe-user-pages-soft).
    with suppress(OSError):
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return FileIO(reader, "r"), FileIO(writer, "w")
