"""The bearer token that clients must present, in a file that only its owner can read."""

import contextlib
import os
import secrets

TOKEN_BYTES = 32
"""How many random bytes a generated token has."""

_MAX_FILE_BYTES = 4096


class TokenFileError(Exception):
    """A token file cannot be used; the text says why."""


def load_or_create_token(path: str) -> str:
    """Return the token that a file holds; a file that is not there is made, mode 0600.

    Raises:
        TokenFileError: The file cannot be read or made, or holds no token.
    """
    try:
        return _load(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise TokenFileError(f"cannot read the token file {path}: {error.strerror}") from error
    try:
        _create(path)
        return _load(path)
    except OSError as error:
        raise TokenFileError(f"cannot make the token file {path}: {error.strerror}") from error


def _load(path: str) -> str:
    with open(path, "rb") as file:
        content = file.read(_MAX_FILE_BYTES + 1)
    try:
        token = content.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise TokenFileError(f"cannot use the token file {path}: it is not ASCII text") from error
    if not token or len(content) > _MAX_FILE_BYTES or not token.isprintable() or " " in token:
        raise TokenFileError(
            f"cannot use the token file {path}: it must hold one token, without blanks,"
            f" of at most {_MAX_FILE_BYTES} bytes; remove it to have one made"
        )
    return token


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
