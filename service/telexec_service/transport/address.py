"""What `--listen` may say."""

import ipaddress
import os
import socket
import struct
from urllib.parse import urlsplit

import msgspec


class ListenError(Exception):
    """An address cannot be listened on; the text says why and what to write."""


class TcpAddress(msgspec.Struct, frozen=True):
    """`ws://IP:PORT`, or `wss://IP:PORT` with TLS; port 0 takes a free one."""

    host: str
    port: int
    is_secure: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return ipaddress.ip_address(self.host).is_loopback

    def url(self, port: int) -> str:
        """Return the URL for clients, with the port that was bound."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.is_secure else 'ws'}://{host}:{port}"


class UnixAddress(msgspec.Struct, frozen=True):
    """`unix:PATH`, absolute."""

    path: str


class StdioAddress(msgspec.Struct, frozen=True):
    """`stdio`: one peer, on stdin and stdout."""


Address = TcpAddress | UnixAddress | StdioAddress

_FORMS = "write ws://IP:PORT, wss://IP:PORT, unix:PATH or stdio"


def parse_address(text: str) -> Address:
    """Return the address that a `--listen` value names.

    Raises:
        ListenError: It names none.
    """
    if text in {"stdio", "stdio://"}:
        return StdioAddress()
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        path = path.removeprefix("//")
        if not path:
            raise ListenError(f"cannot listen on {text!r}: it has no path; {_FORMS}")
        return UnixAddress(os.path.abspath(path))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ListenError(f"cannot listen on {text!r}: {error}; {_FORMS}") from error
    if parts.scheme not in {"ws", "wss"} or not host or port is None or parts.path not in {"", "/"}:
        raise ListenError(f"cannot listen on {text!r}: {_FORMS}")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise ListenError(f"cannot listen on {text!r}: {host!r} is no IP address") from error
    return TcpAddress(host, port, is_secure=parts.scheme == "wss")


def peer_address(endpoint: socket.socket) -> str:
    """Return where the other end of a socket is, for logs: `IP:PORT`, or whose a Unix socket is."""
    try:
        if endpoint.family == socket.AF_UNIX:
            # struct ucred: pid, uid, gid (unix(7)).
            size = struct.calcsize("3i")
            credentials = endpoint.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            return f"unix:uid={struct.unpack('3i', credentials)[1]}"
        host, port = endpoint.getpeername()[:2]
    except OSError:
        # It is gone already.
        return "unknown"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
