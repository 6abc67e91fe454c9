"""Output that can be read by lines."""

from collections.abc import AsyncIterator
from typing import Literal, overload

from telexec_client.process.buffer import OutputBuffer
from telexec_client.process.line_iterator import LineIterator
from telexec_client.process.text import line_form

DEFAULT_MAX_LINE_BYTES = 1024 * 1024
"""How long a line may be where nothing was said of it."""


class OutputLines:
    """Output of a process, of one stream or both."""

    def __init__(self, buffer: OutputBuffer, *, stdout: bool, stderr: bool) -> None:
        self._buffer = buffer
        self._has_stdout = stdout
        self._has_stderr = stderr

    @overload
    def lines(
        self,
        *,
        max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
        text: Literal[False] = False,
        encoding: None = None,
        errors: str = "strict",
    ) -> AsyncIterator[bytes]: ...

    @overload
    def lines(
        self,
        *,
        max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
        text: Literal[True],
        encoding: str | None = None,
        errors: str = "strict",
    ) -> AsyncIterator[str]: ...

    @overload
    def lines(
        self,
        *,
        max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
        text: bool = False,
        encoding: str,
        errors: str = "strict",
    ) -> AsyncIterator[str]: ...

    def lines(
        self,
        *,
        max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
        text: bool = False,
        encoding: str | None = None,
        errors: str = "strict",
    ) -> AsyncIterator[bytes] | AsyncIterator[str]:
        r"""Go through it line by line, as the lines end: `async for line in process.lines()`.

        Each line has its `\n`, the last one perhaps not. Of two streams, each line is of one. After
        an error that says so, the same iterator can go on.

        >>> async with client.start(["printf", "one\ntwo"]) as process:
        ...     async for line in process.lines(text=True):
        ...         print(repr(line))
        'one\n'
        'two'

        Args:
            max_line_bytes: The most that a line may have, not counting its end; at least 1.
            text: Give `str`.
            encoding: Of what, `utf-8` where only `text` is said; `utf-16` and the like, whose ends
                of lines are no `\n` bytes, cannot be used.
            errors: See `bytes.decode`.

        Raises:
            LineTooLongError: A line is longer. Its rest is dropped, and the next line comes next.
            OutputEncodingError: A line is no text in the encoding; the next line comes next.
            OutputGapError: Output is missing here, perhaps in the middle of a line: what there is
                of it on either side is given as a line.
            SessionLostError: Nothing more can come.
            LookupError: The encoding cannot be used.
            ValueError: `max_line_bytes` is less than 1.
        """
        if max_line_bytes < 1:
            raise ValueError(f"cannot read lines of {max_line_bytes} bytes: at least 1 is needed")
        form = line_form(text=text, encoding=encoding, errors=errors)
        if form is None:
            return LineIterator(
                self._buffer,
                stdout=self._has_stdout,
                stderr=self._has_stderr,
                max_line_bytes=max_line_bytes,
                decode=bytes,
            )
        program = self._buffer.program
        return LineIterator(
            self._buffer,
            stdout=self._has_stdout,
            stderr=self._has_stderr,
            max_line_bytes=max_line_bytes,
            decode=lambda line: form.decode(program, line),
        )
