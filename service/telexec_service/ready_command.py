"""`telexec-service ready`: asking the service of this host whether it takes work."""

import http.client
import ipaddress
import socket
import ssl
from urllib.parse import urlsplit

from telexec_service.transport.address import Address, StdioAddress, UnixAddress

ANSWER_TIMEOUT_S = 2.0
"""How long the service has to answer."""


class NotReadyError(Exception):
    """The service takes no work, or cannot be asked; the text says why."""


def check_ready(address: Address) -> None:
    """Return if the service that listens at `address`, on this host, is ready.

    Raises:
        NotReadyError: It is not there, does not answer, or is about to end.
    """
    connection, where = _connection_to(address)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise NotReadyError(f"cannot ask the service at {where}: {why}") from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise NotReadyError(f"the service at {where} takes no work: it answered {status}")


def _connection_to(address: Address) -> tuple[http.client.HTTPConnection, str]:
    if isinstance(address, StdioAddress):
        raise NotReadyError("cannot ask a service on stdio: only its peer can reach it")
    if isinstance(address, UnixAddress):
        return _UnixConnection(address.path), f"unix:{address.path}"
    if address.port == 0:
        raise NotReadyError(
            "cannot ask a service on port 0: that is another one at every start;"
            " use --listen with a port"
        )
    listening = ipaddress.ip_address(address.host)
    host = address.host
    if listening.is_unspecified:
        host = "127.0.0.1" if listening.version == 4 else "::1"
    url = address.url(address.port)
    if urlsplit(url).scheme == "ws":
        return http.client.HTTPConnection(host, address.port, timeout=ANSWER_TIMEOUT_S), url
    # It is asked for its health and told nothing, and its certificate names other hosts than this.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    secure = http.client.HTTPSConnection(
        host, address.port, timeout=ANSWER_TIMEOUT_S, context=context
    )
    return secure, url


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ANSWER_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
