"""Paths on the wire: `file://` URIs, percent-encoded, with an empty host (RFC 8089)."""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

_SCHEME = "file://"
_SAFE = "/!$&'()*+,-.:;=@_~"
_PLAIN = re.compile(r"file://(/[^\0%?#\x80-\U0010ffff]*)").fullmatch
"""Finds the path of a URI that has nothing to decode and nothing to refuse, as most have not."""


class InvalidFileUriError(ValueError):
    """A string is not the `file://` URI of an absolute path on this host."""

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(f"cannot use {uri!r} as a path: {why}")
        self.uri = uri


def path_to_uri(path: str) -> str:
    """Return the URI of an absolute path; bytes that are not UTF-8 are surrogate-escaped in it.

    Raises:
        ValueError: The path is not absolute.
    """
    if not path.startswith("/"):
        raise ValueError(f"cannot make a file URI of {path!r}: it is not an absolute path")
    return _SCHEME + quote_from_bytes(path.encode("utf-8", "surrogateescape"), safe=_SAFE)


def uri_to_path(uri: str) -> str:
    """Return the absolute path that a URI names, with non-UTF-8 bytes surrogate-escaped.

    Raises:
        InvalidFileUriError: It has another scheme or host, a query, a fragment, a NUL or no path.
    """
    plain = _PLAIN(uri)
    if plain is not None:
        return plain[1]
    scheme, colon, _ = uri.partition(":")
    if not colon or "/" in scheme:
        raise InvalidFileUriError(uri, "it is not a URI; write file:///absolute/path")
    if scheme.lower() != "file":
        raise InvalidFileUriError(uri, f"its scheme is {scheme!r}; only file:// is known")
    if not uri[len(scheme) + 1 :].startswith("//"):
        raise InvalidFileUriError(uri, "it has no //; write file:///absolute/path")
    rest = uri[len(scheme) + 3 :]
    for mark, name in (("?", "query"), ("#", "fragment")):
        if mark in rest:
            raise InvalidFileUriError(
                uri, f"it has a {name}; write {quote_from_bytes(mark.encode())}"
            )
    host, slash, tail = rest.partition("/")
    if host not in {"", "localhost"}:
        raise InvalidFileUriError(uri, f"it names the host {host!r}, not this one")
    if not slash:
        raise InvalidFileUriError(uri, "it has no path")
    path = unquote_to_bytes("/" + tail)
    if b"\0" in path:
        raise InvalidFileUriError(uri, "it holds a NUL")
    return path.decode("utf-8", "surrogateescape")
