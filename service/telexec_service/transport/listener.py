"""Listening: the sockets, and the connections that came over them."""

import asyncio
import contextlib
import errno
import os
import socket
import stat
import sys
from collections.abc import Callable
from typing import Any

from telexec_service.config import Config
from telexec_service.core.admission import Gate, Refusal, Visit
from telexec_service.core.counters import Counters
from telexec_service.core.peer import Peer, Receiver
from telexec_service.observability.audit import AuditLog
from telexec_service.observability.pages import Pages
from telexec_service.transport.address import (
    Address,
    ListenError,
    StdioAddress,
    TcpAddress,
    UnixAddress,
)
from telexec_service.transport.certificate import Certificate
from telexec_service.transport.stdio import StdioConnection, connect_stdio
from telexec_service.transport.tls import TlsLayer
from telexec_service.transport.websocket import WebSocketConnection

BACKLOG = 1024
"""How many connections the kernel keeps until they are accepted."""

# A client says itself that it is there; pages are asked for every few seconds, and by probes.
_UNREMARKABLE = frozenset({Visit.OPENED, Visit.PAGE, Visit.DRAINING})


class Listener:
    """Accepts connections at one address until it is closed.

    Args:
        certificate: What connections are encrypted with; None: nothing encrypts them.
        pages: Makes what is not a connection.
        counters: The service's.
        accept: Makes the receiver of a connection that was let in.
        on_peer_gone: Called when the only peer there can be is gone (stdio).
    """

    def __init__(
        self,
        config: Config,
        gate: Gate,
        certificate: Certificate | None,
        *,
        pages: Pages,
        counters: Counters,
        audit: AuditLog,
        log: Any,
        accept: Callable[[Peer], Receiver],
        on_peer_gone: Callable[[], None],
    ) -> None:
        self._config = config
        self._gate = gate
        self._certificate = certificate
        self._pages = pages
        self._counters = counters
        self._audit = audit
        self._log = log
        self._accept = accept
        self._on_peer_gone = on_peer_gone
        self._server: asyncio.Server | None = None
        self._stdio: StdioConnection | None = None
        self._connections: set[WebSocketConnection] = set()
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        self._socket_file: str | None = None
        self._is_ready = True

    @property
    def is_ready(self) -> bool:
        """Whether clients are let in."""
        return self._is_ready

    @property
    def connection_count(self) -> int:
        """How many connections are open, also those that have not said yet what they want."""
        return len(self._connections) + (self._stdio is not None)

    async def open(self, address: Address) -> str | None:
        """Start to listen.

        Returns:
            The URL for clients, or None where there is nothing to connect to (stdio).

        Raises:
            ListenError: The address is in use, or not this host's, or not allowed.
        """
        if isinstance(address, StdioAddress):
            await self._open_stdio()
            return None
        loop = asyncio.get_running_loop()
        try:
            if isinstance(address, UnixAddress):
                _remove_stale_socket(address.path)
                endpoint = _bind_unix(address.path)
                self._socket_file = address.path
                self._server = await loop.create_unix_server(
                    self._make_connection, sock=endpoint, backlog=BACKLOG
                )
                return f"unix:{address.path}"
            self._server = await loop.create_server(
                self._make_connection, address.host, address.port, backlog=BACKLOG
            )
        except OSError as error:
            raise _listen_error(address, error) from error
        port = self._server.sockets[0].getsockname()[1]
        return address.url(port)

    def refuse(self) -> None:
        """Let nobody in any more, and say so to who asks whether the service is ready."""
        self._is_ready = False

    def use_certificate(self, certificate: Certificate) -> None:
        """Encrypt new connections with another certificate; those that there are keep theirs."""
        self._certificate = certificate

    def close_revoked(self) -> int:
        """End every connection whose token the gate takes no more, and return how many."""
        revoked = [
            connection
            for connection in self._connections
            if connection.credential is not None and not self._gate.is_valid(connection.credential)
        ]
        for connection in revoked:
            connection.revoke()
        return len(revoked)

    async def close(self) -> None:
        """End every connection in the protocol's way and return once all are gone."""
        if self._server is not None:
            self._server.close()
        if self._socket_file is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._socket_file)
        if self._stdio is not None:
            self._stdio.go_away()
        for connection in tuple(self._connections):
            connection.go_away()
        await self._all_closed.wait()
        if self._stdio is not None:
            await self._stdio.wait_until_written()

    def abort(self) -> None:
        """End what is left of every connection at once."""
        for connection in tuple(self._connections):
            connection.abort()
        if self._stdio is not None:
            self._stdio.abort()

    def _make_connection(self) -> asyncio.Protocol:
        connection = WebSocketConnection(
            self._config,
            self._gate,
            accept=self._accept,
            is_ready=lambda: self._is_ready,
            has_room=lambda: len(self._connections) <= self._config.limits.max_connections,
            pages=self._pages,
            on_visit=self._note_visit,
            on_closed=self._forget,
        )
        self._connections.add(connection)
        self._all_closed.clear()
        if self._certificate is None:
            return connection
        return TlsLayer(self._certificate.context, connection)

    def _note_visit(
        self, connection: WebSocketConnection, visit: Visit, refusal: Refusal | None
    ) -> None:
        self._counters.visits[visit] += 1
        if visit in _UNREMARKABLE:
            return
        failure = None if refusal is None else refusal.auth_failure
        self._log.info(
            "connection.refused", address=connection.address, result=visit, auth_failure=failure
        )
        if failure is not None:
            self._counters.auth_failures[failure] += 1
            self._audit.record("auth.failed", None, address=connection.address, reason=failure)

    def _forget(self, connection: WebSocketConnection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_closed.set()

    async def _open_stdio(self) -> None:
        self._counters.visits[Visit.OPENED] += 1
        self._stdio = StdioConnection(
            self._config.limits, accept=self._accept, on_closed=self._on_peer_gone
        )
        await connect_stdio(self._stdio)


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


def _listen_error(address: TcpAddress | UnixAddress, error: OSError) -> ListenError:
    if isinstance(address, UnixAddress):
        where = f"unix:{address.path}"
    else:
        where = address.url(address.port)
    why = os.strerror(error.errno or 0)
    if error.errno == errno.EEXIST:
        why = "a file that is no socket is in the way"
    return ListenError(f"cannot listen on {where}: {why.lower()}")


def announce(url: str) -> None:
    """Tell whoever started the service where it listens: one line on stdout."""
    sys.stdout.write(url + "\n")
    sys.stdout.flush()
