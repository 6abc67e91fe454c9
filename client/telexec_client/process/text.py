"""Text instead of bytes."""

import codecs

from msgspec import Struct

from telexec_client.completed import CompletedProcess, CompletedText
from telexec_client.errors import OutputEncodingError

DEFAULT_ENCODING = "utf-8"
"""Not what this machine uses: the text is another's."""


class TextForm(Struct, frozen=True):
    """How bytes are text; `errors` as of `bytes.decode`."""

    encoding: str
    errors: str

    def decode(self, program: str, data: bytes) -> str:
        """Return the text that bytes are.

        Raises:
            OutputEncodingError: They are none.
        """
        try:
            return data.decode(self.encoding, self.errors)
        except UnicodeDecodeError as error:
            raise self.no_text(program, data, error) from error

    def no_text(self, program: str, data: bytes, error: UnicodeDecodeError) -> OutputEncodingError:
        """Return the error that says so."""
        why = f"{error.reason} at byte {error.start}"
        return OutputEncodingError(program, self.encoding, data, why)


def text_form(*, encoding: str, errors: str) -> TextForm:
    """Return how bytes are text.

    Raises:
        LookupError: Python has no such encoding, or no such way with errors.
    """
    codecs.lookup_error(errors)
    return TextForm(codecs.lookup(encoding).name, errors)


def wanted_form(*, text: bool, encoding: str | None, errors: str) -> TextForm | None:
    """Return what a caller wants to have text as; `None`: bytes.

    Raises:
        LookupError: See `text_form`.
    """
    if encoding is None and not text:
        return None
    return text_form(encoding=encoding or DEFAULT_ENCODING, errors=errors)


def line_form(*, text: bool, encoding: str | None, errors: str) -> TextForm | None:
    """Do the same for text that is cut into lines before it is decoded.

    Raises:
        LookupError: See `text_form`; or the ends of lines cannot be told in the encoding.
    """
    form = wanted_form(text=text, encoding=encoding, errors=errors)
    if form is not None and "\n".encode(form.encoding) != b"\n":
        raise LookupError(
            f"cannot tell the ends of lines in {form.encoding}: use text() and split it yourself"
        )
    return form


def input_bytes(content: bytes | str | None, form: TextForm | None) -> bytes | None:
    """Return input as bytes; text is UTF-8 where no encoding is wanted.

    Raises:
        UnicodeEncodeError: It cannot be encoded so.
    """
    if isinstance(content, str):
        return content.encode(DEFAULT_ENCODING if form is None else form.encoding)
    return content


def completed_text(completed: CompletedProcess, form: TextForm) -> CompletedText:
    """Return the same with text in the place of bytes.

    Raises:
        OutputEncodingError: Some output is no such text; the error has all of it.
    """
    program = completed.argv[0]
    try:
        return CompletedText(
            argv=completed.argv,
            exit_code=completed.exit_code,
            signal=completed.signal,
            reason=completed.reason,
            stdout=form.decode(program, completed.stdout),
            stderr=form.decode(program, completed.stderr),
            usage=completed.usage,
        )
    except OutputEncodingError as error:
        error.completed = completed
        raise
