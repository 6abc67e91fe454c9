"""The bearer token that a host asks for."""

from telexec_client.errors import AuthenticationError


def read_token(path: str) -> str:
    """Return the first token that a file holds, one a line; lines of `#` and blank ones are none.

    A service may take several: the same file serves both.

    Raises:
        AuthenticationError: The file cannot be read, or what it holds cannot be a token.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file.read().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise AuthenticationError(f"cannot read the token file {path!r}: {why}") from error
    token = next((line for line in lines if line and not line.startswith("#")), "")
    return checked_token(token, f"the token in {path!r}")


def checked_token(token: str, called: str = "the token") -> str:
    """Return a token that may stand in a header; an error says what it is `called`.

    Raises:
        AuthenticationError: It is empty, or holds characters that a header cannot carry.
    """
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise AuthenticationError(
            f"cannot use {called}: it is empty or holds spaces or characters that are not ASCII"
        )
    return token
