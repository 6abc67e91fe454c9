"""Files that people write for telexec."""

from telexec_client.cli.errors import CommandError
from telexec_client.cli.printable import printable

MAX_FILE_BYTES = 1024 * 1024
"""The largest file that is read: more is no file that somebody wrote but a mistake."""


class FileUnreadableError(CommandError):
    """A file cannot be read, or is too large.

    Attributes:
        is_missing: There is none.
    """

    def __init__(self, text: str, *, is_missing: bool = False) -> None:
        super().__init__(text)
        self.is_missing = is_missing


def read_small_file(path: str) -> bytes:
    """Return the content of the file at `path`.

    Raises:
        FileUnreadableError: It cannot be read, or is larger than `MAX_FILE_BYTES`.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise FileUnreadableError(
            f"cannot read {printable(path)}: {error.strerror}",
            is_missing=isinstance(error, FileNotFoundError),
        ) from error
    if len(content) > MAX_FILE_BYTES:
        raise FileUnreadableError(
            f"cannot use {printable(path)}: it is larger than {MAX_FILE_BYTES} bytes"
        )
    return content
