"""Going through output line by line."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from telexec_client.core.line_splitter import LineSplitter, OverlongLine
from telexec_client.errors import LineTooLongError, OutputGapError, TelexecError
from telexec_client.process.buffer import OutputBuffer
from telexec_client.process.queue import Gap, OutputPiece
from telexec_schemas.process import Stream

Line = TypeVar("Line")


class LineIterator(Generic[Line]):
    """Goes through lines, in the order in which they end.

    As long as it exists, the output is left to it; a loop that ends drops it, and what it has read
    and not given goes back.
    """

    def __init__(
        self,
        buffer: OutputBuffer,
        *,
        stdout: bool,
        stderr: bool,
        max_line_bytes: int,
        decode: Callable[[bytes], Line],
    ) -> None:
        self._buffer = buffer
        self._stdout = stdout
        self._stderr = stderr
        self._max_line_bytes = max_line_bytes
        self._decode = decode
        self._splitters: dict[Stream, LineSplitter] = {
            "stdout": LineSplitter(max_line_bytes),
            "stderr": LineSplitter(max_line_bytes),
            "pty": LineSplitter(max_line_bytes),
        }
        self._ready: deque[tuple[Stream, bytes | OverlongLine]] = deque()
        self._error: TelexecError | None = None
        self._is_over = False
        buffer.claim(self)

    @property
    def wants_stdout(self) -> bool:
        """See `Claim`."""
        return self._stdout

    @property
    def wants_stderr(self) -> bool:
        """See `Claim`."""
        return self._stderr

    def __aiter__(self) -> AsyncIterator[Line]:
        return self

    async def __anext__(self) -> Line:
        while not self._ready:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self._is_over:
                raise StopAsyncIteration
            await self._read_on()
        _, line = self._ready.popleft()
        if isinstance(line, OverlongLine):
            raise LineTooLongError(self._buffer.program, line.start, self._max_line_bytes)
        return self._decode(line)

    def __del__(self) -> None:
        rest: list[OutputPiece | Gap] = [
            OutputPiece(stream, line) for stream, line in self._ready if isinstance(line, bytes)
        ]
        if isinstance(self._error, OutputGapError):
            rest.append(Gap(self._error.lost_bytes))
        for stream, splitter in self._splitters.items():
            if splitter.unfinished:
                rest.append(OutputPiece(stream, splitter.unfinished))
        self._buffer.put_back(rest, stdout=self._stdout, stderr=self._stderr)

    async def _read_on(self) -> None:
        try:
            piece = await self._buffer.read(stdout=self._stdout, stderr=self._stderr)
        except TelexecError as error:
            # What came before it is given before it.
            self._error = error
            self._end_lines()
            return
        if piece is None:
            self._is_over = True
            self._end_lines()
        else:
            lines = self._splitters[piece.stream].feed(piece.data)
            self._ready.extend((piece.stream, line) for line in lines)

    def _end_lines(self) -> None:
        for stream, splitter in self._splitters.items():
            self._ready.extend((stream, line) for line in splitter.end())
