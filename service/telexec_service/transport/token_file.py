"""The bearer tokens that clients must present, in a file that only its owner can read."""

import contextlib
import os
import secrets
from collections.abc import Sequence

TOKEN_BYTES = 32
"""How many random bytes a generated token has."""

MAX_TOKENS = 64
"""How many tokens may be valid at once; each is compared with what a client presents."""

MAX_TOKEN_BYTES = 4096
"""How long a token may be: it must find room in a line of a request."""

MAX_FILE_BYTES = 16 * 1024
"""How large a token file may be."""


class TokenFileError(Exception):
    """A token file cannot be used; the text says why."""


def load_or_create_tokens(path: str) -> Sequence[str]:
    """Return the tokens that a file holds; a file that is not there is made, with one, mode 0600.

    Raises:
        TokenFileError: The file cannot be made, or not used: see `load_tokens`.
    """
    if not os.path.lexists(path):
        try:
            _create(path)
        except OSError as error:
            raise TokenFileError(f"cannot make the token file {path}: {error.strerror}") from error
    return load_tokens(path)


def load_tokens(path: str) -> Sequence[str]:
    """Return the tokens that a file holds, one a line; blank lines and those of `#` say nothing.

    Raises:
        TokenFileError: The file cannot be read, holds no token, or something that is none.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise TokenFileError(f"cannot read the token file {path}: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise TokenFileError(
            f"cannot use the token file {path}: it has more than {MAX_FILE_BYTES} bytes"
        )
    tokens = [
        _token(line, number, path)
        for number, line in enumerate(map(bytes.strip, content.split(b"\n")), start=1)
        if line and not line.startswith(b"#")
    ]
    if not tokens:
        raise TokenFileError(
            f"cannot use the token file {path}: it holds no token; write one a line,"
            " or remove the file to have one made"
        )
    if len(tokens) > MAX_TOKENS:
        raise TokenFileError(
            f"cannot use the token file {path}: it holds more than {MAX_TOKENS} tokens"
        )
    return tokens


def _token(line: bytes, number: int, path: str) -> str:
    """Return the token on a line. The line is not shown: it may be half a secret."""
    text = line.decode("ascii", "replace")
    is_token = text.isascii() and text.isprintable() and " " not in text
    if not is_token or len(text) > MAX_TOKEN_BYTES:
        raise TokenFileError(
            f"cannot use the token file {path}: line {number} must be one token, of at most"
            f" {MAX_TOKEN_BYTES} ASCII characters and without blanks"
        )
    return text


def _create(path: str) -> None:
    """Make the file whole or not at all, so that a reader never sees half a token."""
    directory = os.path.dirname(os.path.abspath(path))
    os.makedirs(directory, mode=0o700, exist_ok=True)
    draft = os.path.join(directory, f".{os.path.basename(path)}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(TOKEN_BYTES) + "\n")
        # Another service may have been quicker: its token stays.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
