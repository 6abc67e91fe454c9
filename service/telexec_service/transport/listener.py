"""Listening: the sockets, and the connections that came over them."""

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any

from telexec_service.config import Config
from telexec_service.core.admission import Gate, Refusal, Visit
from telexec_service.core.counters import Counters
from telexec_service.core.peer import Peer, Receiver
from telexec_service.core.tally import Tally
from telexec_service.observability.audit import AuditLog
from telexec_service.observability.pages import Pages
from telexec_service.processes.descriptors import Descriptors
from telexec_service.transport.address import Address, StdioAddress
from telexec_service.transport.arrival import Arrival
from telexec_service.transport.binding import BACKLOG, Bound, bind, listen_error
from telexec_service.transport.certificate import Certificate
from telexec_service.transport.relay import Doorway, Relays
from telexec_service.transport.stdio import StdioConnection, connect_stdio
from telexec_service.transport.tls import TlsLayer
from telexec_service.transport.websocket import WebSocketConnection

# A client says itself that it is there; pages are asked for every few seconds, and by probes.
_UNREMARKABLE = frozenset({Visit.OPENED, Visit.PAGE, Visit.DRAINING})


class Listener:
    """Accepts connections at one address until it is closed.

    Args:
        certificate: What connections are encrypted with; None: nothing encrypts them.
        descriptors: Says whether there are enough left.
        pages: Makes what is not a connection.
        counters: The service's.
        accept: Makes the receiver of a connection that was let in here.
        welcome: The same for one that was adopted; the doorway is there if it can be passed on.
        tally: Knows of the connections of all workers.
        relays: Owns connections that are passed on.
        on_peer_gone: Called when the only peer there can be is gone (stdio).
    """

    def __init__(
        self,
        config: Config,
        gate: Gate,
        certificate: Certificate | None,
        *,
        descriptors: Descriptors,
        pages: Pages,
        counters: Counters,
        audit: AuditLog,
        log: Any,
        accept: Callable[[Peer], Receiver],
        welcome: Callable[[WebSocketConnection, Arrival, Doorway | None], Receiver],
        tally: Tally,
        relays: Relays,
        on_peer_gone: Callable[[], None],
    ) -> None:
        self._config = config
        self._gate = gate
        self._certificate = certificate
        self._descriptors = descriptors
        self._pages = pages
        self._counters = counters
        self._audit = audit
        self._log = log
        self._accept = accept
        self._welcome = welcome
        self._tally = tally
        self._relays = relays
        self._on_peer_gone = on_peer_gone
        self._server: asyncio.Server | None = None
        self._stdio: StdioConnection | None = None
        self._connections: set[WebSocketConnection] = set()
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        self._bound: Bound | None = None
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
        self._bound = bind(address)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._make_connection, sock=self._bound.endpoint, backlog=BACKLOG
            )
        except OSError as error:
            raise listen_error(address, error) from error
        return self._bound.url

    async def adopt(self, endpoint: socket.socket, arrival: Arrival) -> None:
        """Serve a connection that another process accepted; the socket is the listener's."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._adopt(arrival), endpoint
            )
        except OSError:
            # It is gone already.
            endpoint.close()

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
        if self._bound is not None:
            self._bound.close()
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
        return self._secured(self._new_connection(self._accept, None))

    def _adopt(self, arrival: Arrival) -> asyncio.Protocol:
        def accept(peer: Peer) -> Receiver:
            del peer
            return self._welcome(connection, arrival, doorway)

        doorway: Doorway | None = None
        connection = self._new_connection(accept, arrival.client)
        if arrival.is_relayed:
            return connection
        doorway = Doorway(connection, self._relays)
        return self._secured(doorway)

    def _new_connection(
        self, accept: Callable[[Peer], Receiver], client: str | None
    ) -> WebSocketConnection:
        connection = WebSocketConnection(
            self._config,
            self._gate,
            client=client,
            accept=accept,
            is_ready=lambda: self._is_ready,
            no_room=self._no_room,
            pages=self._pages,
            on_visit=self._note_visit if client is None else _ignore_visit,
            on_closed=self._forget,
        )
        self._connections.add(connection)
        self._tally.note_connections(len(self._connections))
        self._all_closed.clear()
        return connection

    def _secured(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        if self._certificate is None:
            return protocol
        return TlsLayer(self._certificate.context, protocol)

    def _no_room(self) -> str | None:
        if not self._descriptors.suffice_for_a_connection():
            return (
                "the service has nearly as many files open as it may,"
                f" {self._descriptors.limit} (RLIMIT_NOFILE)"
            )
        limit = self._config.limits.max_connections
        if self._tally.connections > limit:
            return f"the host already has {limit} (max_connections)"
        return None

    def _note_visit(
        self, connection: WebSocketConnection, visit: Visit, refusal: Refusal | None
    ) -> None:
        self._counters.visits[visit] += 1
        if visit is Visit.FULL:
            is_short = not self._descriptors.suffice_for_a_connection()
            self._counters.add_limit("open_files" if is_short else "max_connections")
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
        self._tally.note_connections(len(self._connections))
        if not self._connections:
            self._all_closed.set()

    async def _open_stdio(self) -> None:
        self._counters.visits[Visit.OPENED] += 1
        self._stdio = StdioConnection(
            self._config.limits, accept=self._accept, on_closed=self._on_peer_gone
        )
        await connect_stdio(self._stdio)


def _ignore_visit(connection: WebSocketConnection, visit: Visit, refusal: Refusal | None) -> None:
    """Say nothing: the worker that the client came to has."""


def announce(url: str) -> None:
    """Tell whoever started the service where it listens: one line on stdout."""
    sys.stdout.write(url + "\n")
    sys.stdout.flush()
