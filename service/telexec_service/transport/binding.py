"""Taking an address: the socket that is listened on."""

import contextlib
import errno
import os
import socket
import stat

import msgspec

from telexec_service.transport.address import ListenError, TcpAddress, UnixAddress

BACKLOG = 1024
"""How many connections the kernel keeps until they are accepted."""


class Bound(msgspec.Struct, frozen=True):
    """A socket that has its address and does not listen yet, and the URL for clients.

    `socket_file` is to be removed in the end; None: there is none.
    """

    endpoint: socket.socket
    url: str
    socket_file: str | None = None

    def close(self) -> None:
        """Give the address back. Idempotent."""
        self.endpoint.close()
        if self.socket_file is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.socket_file)


def bind(address: TcpAddress | UnixAddress) -> Bound:
    """Take an address.

    Raises:
        ListenError: It is in use, or not this host's, or not allowed.
    """
    try:
        if isinstance(address, UnixAddress):
            _remove_stale_socket(address.path)
            endpoint = _bind_unix(address.path)
            return Bound(endpoint, f"unix:{address.path}", address.path)
        endpoint = _bind_tcp(address)
        return Bound(endpoint, address.url(endpoint.getsockname()[1]))
    except OSError as error:
        raise listen_error(address, error) from error


def _bind_tcp(address: TcpAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    endpoint = socket.socket(family, socket.SOCK_STREAM)
    try:
        # What a service that ended left behind in TIME_WAIT is in nobody's way (tcp(7)).
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            endpoint.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        endpoint.bind((address.host, address.port))
    except OSError:
        endpoint.close()
        raise
    endpoint.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return endpoint


def _bind_unix(path: str) -> socket.socket:
    endpoint = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Nobody else may connect in the moment before a chmod: the mode is the mask's.
        mask = os.umask(0o177)
        try:
            endpoint.bind(path)
        finally:
            os.umask(mask)
    except OSError:
        endpoint.close()
        raise
    endpoint.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return endpoint


def _remove_stale_socket(path: str) -> None:
    """Remove a socket that a dead service left behind; one that is in use stays."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
            else:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)


def listen_error(address: TcpAddress | UnixAddress, error: OSError) -> ListenError:
    """Return what to say of an address that cannot be listened on."""
    if isinstance(address, UnixAddress):
        where = f"unix:{address.path}"
    else:
        where = address.url(address.port)
    why = os.strerror(error.errno or 0)
    if error.errno == errno.EEXIST:
        why = "a file that is no socket is in the way"
    return ListenError(f"cannot listen on {where}: {why.lower()}")
