"""Ways to go through output as it comes."""

from collections.abc import AsyncIterator

from telexec_client.process.buffer import OutputBuffer
from telexec_client.process.output_lines import OutputLines
from telexec_client.process.queue import OutputPiece
from telexec_client.process.text import DEFAULT_ENCODING, text_form
from telexec_client.process.text_iterator import TextIterator


class PieceIterator:
    """Goes through the pieces of all output, in the order they came.

    As long as it exists, the output is left to it; a loop that ends drops it.
    """

    def __init__(self, buffer: OutputBuffer) -> None:
        self._buffer = buffer
        buffer.claim(self)

    @property
    def wants_stdout(self) -> bool:
        """See `Claim`."""
        return True

    @property
    def wants_stderr(self) -> bool:
        """See `Claim`."""
        return True

    def __aiter__(self) -> AsyncIterator[OutputPiece]:
        return self

    async def __anext__(self) -> OutputPiece:
        piece = await self._buffer.read(stdout=True, stderr=True)
        if piece is None:
            raise StopAsyncIteration
        return piece


class BytesIterator:
    """Goes through the bytes of one stream, in the order they came.

    As long as it exists, the stream is left to it; a loop that ends drops it.
    """

    def __init__(self, buffer: OutputBuffer, *, is_stdout: bool) -> None:
        self._buffer = buffer
        self._is_stdout = is_stdout
        buffer.claim(self)

    @property
    def wants_stdout(self) -> bool:
        """See `Claim`."""
        return self._is_stdout

    @property
    def wants_stderr(self) -> bool:
        """See `Claim`."""
        return not self._is_stdout

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._buffer.read(stdout=self._is_stdout, stderr=not self._is_stdout)
        if piece is None:
            raise StopAsyncIteration
        return piece.data


class OutputStream(OutputLines):
    """One stream of a process: go through it with `async for`, or take what comes with `read`."""

    def __init__(self, buffer: OutputBuffer, *, is_stdout: bool) -> None:
        super().__init__(buffer, stdout=is_stdout, stderr=not is_stdout)
        self._is_stdout = is_stdout

    def __aiter__(self) -> AsyncIterator[bytes]:
        return BytesIterator(self._buffer, is_stdout=self._is_stdout)

    async def read(self) -> bytes:
        """Return the next bytes as they come, `b""` at the end.

        Raises:
            OutputGapError: Output is missing before the next bytes; reading can go on.
            SessionLostError: Nothing more can come.
        """
        piece = await self._buffer.read(stdout=self._is_stdout, stderr=not self._is_stdout)
        return b"" if piece is None else piece.data

    def text(
        self, *, encoding: str = DEFAULT_ENCODING, errors: str = "strict"
    ) -> AsyncIterator[str]:
        """Go through it as text, as it comes; a character that comes in pieces is put together.

        >>> async with client.start(["printf", "Grüße"]) as process:
        ...     print("".join([text async for text in process.stdout.text()]))
        Grüße

        Args:
            encoding: Of the bytes.
            errors: See `bytes.decode`.

        Raises:
            OutputEncodingError: What came is no text in the encoding; reading can go on behind it.
            OutputGapError: Output is missing before the next text; reading can go on.
            SessionLostError: Nothing more can come.
            LookupError: Python has no such encoding, or no such way with errors.
        """
        form = text_form(encoding=encoding, errors=errors)
        return TextIterator(self._buffer, form, is_stdout=self._is_stdout)
