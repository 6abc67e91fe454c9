"""Where a host listens."""

from urllib.parse import SplitResult, urlsplit

import msgspec

from telexec_client.errors import InvalidUrlError

_PORTS = {"ws": 80, "wss": 443}
_UNIX_SCHEMES = ("unix:", "ws+unix:")


class TcpAddress(msgspec.Struct, frozen=True):
    """A WebSocket over TCP, with TLS if `is_secure`; `resource` is the path and the query."""

    host: str
    port: int
    resource: str
    is_secure: bool

    def __str__(self) -> str:
        scheme = "wss" if self.is_secure else "ws"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}{'' if self.resource == '/' else self.resource}"


class UnixAddress(msgspec.Struct, frozen=True):
    """A WebSocket over a Unix socket."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def parse_address(url: str) -> Address:
    """Return where a URL points: `ws://HOST[:PORT]`, `wss://…`, `unix:PATH` or `ws+unix:PATH`.

    Raises:
        InvalidUrlError: It is none of these, or it holds a user name or a password: what is in a
            URL ends up in logs and process lists.
    """
    for scheme in _UNIX_SCHEMES:
        if url.lower().startswith(scheme):
            return _unix_address(url[len(scheme) :])
    if any(char.isspace() or not char.isprintable() for char in url):
        raise InvalidUrlError(f"{url!r} holds a space or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidUrlError(f"{url!r} is not a URL: {error}") from error
    if parts.username is not None or parts.password is not None:
        raise InvalidUrlError("it holds a user name or a password; give a token file instead")
    if parts.scheme not in _PORTS:
        raise InvalidUrlError(f"{url!r} is not one of ws://…, wss://…, unix:PATH")
    if not parts.hostname:
        raise InvalidUrlError(f"{url!r} names no host")
    if port == 0:
        raise InvalidUrlError(f"{url!r} names no port that can be reached")
    return TcpAddress(
        host=_ascii_host(parts.hostname),
        port=_PORTS[parts.scheme] if port is None else port,
        resource=_resource(parts),
        is_secure=parts.scheme == "wss",
    )


def _unix_address(path: str) -> UnixAddress:
    # ws+unix:///path is how some write it; a relative path stays relative to the caller.
    path = path.removeprefix("//")
    if not path or "\0" in path:
        raise InvalidUrlError("it names no socket; write unix:/run/telexec.sock")
    return UnixAddress(path)


def _resource(parts: SplitResult) -> str:
    if parts.fragment:
        raise InvalidUrlError(f"it holds a fragment, #{parts.fragment}")
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not resource.isascii():
        raise InvalidUrlError("its path holds characters that are not ASCII; percent-encode them")
    return resource


def _ascii_host(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise InvalidUrlError(f"{host!r} is not a host name: {error}") from error
