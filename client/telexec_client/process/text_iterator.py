"""Going through output as text, as it comes."""

import codecs
from collections.abc import AsyncIterator

from telexec_client.errors import OutputGapError
from telexec_client.process.buffer import OutputBuffer
from telexec_client.process.queue import OutputPiece
from telexec_client.process.text import TextForm


class TextIterator:
    """Goes through the text of one stream; no character is cut.

    As long as it exists, the stream is left to it; a loop that ends drops it, and the beginning of
    a character that was not given goes back.
    """

    def __init__(self, buffer: OutputBuffer, form: TextForm, *, is_stdout: bool) -> None:
        self._buffer = buffer
        self._form = form
        self._is_stdout = is_stdout
        self._decoder = codecs.getincrementaldecoder(form.encoding)(form.errors)
        self._is_over = False
        buffer.claim(self)

    @property
    def wants_stdout(self) -> bool:
        """See `Claim`."""
        return self._is_stdout

    @property
    def wants_stderr(self) -> bool:
        """See `Claim`."""
        return not self._is_stdout

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        while not self._is_over:
            text = await self._read_on()
            if text:
                return text
        raise StopAsyncIteration

    def __del__(self) -> None:
        begun, _ = self._decoder.getstate()
        if begun:
            piece = OutputPiece("stdout" if self._is_stdout else "stderr", begun)
            self._buffer.put_back([piece], stdout=self._is_stdout, stderr=not self._is_stdout)

    async def _read_on(self) -> str:
        try:
            piece = await self._buffer.read(stdout=self._is_stdout, stderr=not self._is_stdout)
        except OutputGapError:
            # What comes next does not complete what had begun.
            self._decoder.reset()
            raise
        self._is_over = piece is None
        data = b"" if piece is None else piece.data
        begun, _ = self._decoder.getstate()
        try:
            return self._decoder.decode(data, final=self._is_over)
        except UnicodeDecodeError as error:
            self._decoder.reset()
            raise self._form.no_text(self._buffer.program, begun + data, error) from error
