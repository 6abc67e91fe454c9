"""Ways to a host that listens for WebSockets."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable

from websockets.uri import WebSocketURI

from telexec_client.core.address import Address, TcpAddress, UnixAddress
from telexec_client.errors import CertificateError, HostUnreachableError
from telexec_client.transport.token import checked_token, read_token
from telexec_client.transport.transport import Receiver, Transport
from telexec_client.transport.trust import distrust, trusting_context
from telexec_client.transport.websocket import WebSocketTransport

_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
"""What OpenSSL says of an answer that is not TLS, by version."""


class WebSocketDialer:
    """Knows the way to a listening host.

    Args:
        token: Sent as `Authorization: Bearer …`.
        token_file: Read anew for each connection, so that a token may be changed while we run.
        ca_file: The authorities that may vouch for the host, instead of the system's; read anew,
            too.

    Raises:
        AuthenticationError: The token cannot be used.
        CertificateError: There is a CA file for a host without TLS.
    """

    def __init__(
        self,
        address: Address,
        *,
        token: str | None = None,
        token_file: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        if ca_file is not None and not _is_secure(address):
            raise CertificateError(
                f"cannot use a CA file: {address} is not encrypted; write wss://, or leave it out"
            )
        self._address = address
        self._token = None if token is None else checked_token(token)
        self._token_file = token_file
        self._ca_file = ca_file

    @property
    def address(self) -> str:
        """See `Dialer`."""
        return str(self._address)

    @property
    def can_redial(self) -> bool:
        """See `Dialer`."""
        return True

    async def dial(self, receiver: Receiver) -> Transport:
        """See `Dialer`."""
        token = read_token(self._token_file) if self._token_file is not None else self._token
        uri = _uri(self._address)
        transport = await self._connect(
            lambda: WebSocketTransport(uri, token, self.address, receiver)
        )
        try:
            await transport.opened()
        except BaseException:
            transport.abort()
            raise
        return transport

    async def _connect(self, make: Callable[[], WebSocketTransport]) -> WebSocketTransport:
        loop = asyncio.get_running_loop()
        made: list[WebSocketTransport] = []

        def remember() -> WebSocketTransport:
            made.append(make())
            return made[0]

        context = trusting_context(self._ca_file) if _is_secure(self._address) else None
        try:
            if isinstance(self._address, UnixAddress):
                await loop.create_unix_connection(remember, self._address.path)
            else:
                await loop.create_connection(
                    remember, self._address.host, self._address.port, ssl=context
                )
        except BaseException as error:
            for transport in made:
                transport.abort()
            if isinstance(error, ssl.SSLCertVerificationError):
                raise distrust(self.address, error, self._ca_file) from error
            if isinstance(error, OSError):
                raise HostUnreachableError(self.address, _why(error)) from error
            raise
        return made[0]


def _is_secure(address: Address) -> bool:
    return isinstance(address, TcpAddress) and address.is_secure


def _uri(address: Address) -> WebSocketURI:
    if isinstance(address, TcpAddress):
        path, _, query = address.resource.partition("?")
        return WebSocketURI(address.is_secure, address.host, address.port, path, query)
    return WebSocketURI(secure=False, host="localhost", port=80, path="/", query="")


def _why(error: OSError) -> str:
    # The loops' own texts repeat the address and leave out the reason.
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return "it does not speak TLS; a service without it is at ws://"
    if error.errno is None or isinstance(error, socket.gaierror | ssl.SSLError):
        # The loops have no words for a host that closes instead of speaking TLS.
        return (
            error.strerror
            or str(error)
            or "it closed the connection before TLS was set up; a service without TLS is at ws://"
        )
    return os.strerror(error.errno)
