"""The way to a host, step by step: its name, its port, TLS, HTTP and the token."""

import http.client
import ipaddress
import os
import re
import socket
import ssl
import stat
import time
from collections.abc import Iterator

from telexec_client.cli.doctor_report import Finding
from telexec_client.cli.request import Target
from telexec_client.core.address import Address, TcpAddress, UnixAddress, parse_address
from telexec_client.errors import AuthenticationError, CertificateError, InvalidUrlError
from telexec_client.transport.token import read_token
from telexec_client.transport.trust import distrust, trusting_context

STEP_TIMEOUT_S = 5.0
"""How long one step may take; the resolver of this system has its own time for names."""

EXPIRES_SOON_DAYS = 14
"""How long before its end a certificate is warned of."""

_MAX_PAGE_BYTES = 1024 * 1024
_SAMPLE = re.compile(
    r"^([a-zA-Z_:][a-zA-Z0-9_:]*) ([0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[+-]?[0-9]{1,2})?)$",
    re.MULTILINE,
)
"""A number without labels, in the text format of Prometheus."""


class Link:
    """Takes the steps to a host, and learns what it says on the way.

    Attributes:
        is_open: Whether all steps went well.
        numbers: What `/metrics` of the host says, by name; empty if it does not say it to us.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._token: str | None = None
        self.is_open = False
        self.numbers: dict[str, float] = {}

    def findings(self) -> Iterator[Finding]:
        """Take the steps and yield what they find, up to the first that fails."""
        try:
            address = parse_address(self._target.url or "")
        except InvalidUrlError as error:
            yield Finding("URL", "fail", str(error), "write ws://HOST:PORT or wss://HOST:PORT")
            return
        steps = [
            self._read_token_file,
            self._resolve,
            self._connect,
            self._secure,
            self._read_ready,
        ]
        for step in steps:
            for finding in step(address):
                yield finding
                if finding.mark == "fail":
                    return
        self._read_numbers(address)
        self.is_open = True

    def _read_token_file(self, _address: Address) -> Iterator[Finding]:
        path = self._target.token_file
        if path is None:
            return
        try:
            self._token = read_token(path)
            mode = stat.S_IMODE(os.stat(path).st_mode)
        except (AuthenticationError, OSError) as error:
            yield Finding("token file", "fail", str(error), "copy the token of the host into it")
            return
        if mode & 0o077:
            yield Finding("token file", "warn", f"others can read {path}", f"chmod 600 {path}")
        else:
            yield Finding("token file", "ok", path)

    def _resolve(self, address: Address) -> Iterator[Finding]:
        if isinstance(address, UnixAddress):
            return
        begun_s = time.monotonic()
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except OSError as error:
            yield Finding(
                "name",
                "fail",
                f"{address.host} has no address: {error.strerror}",
                "see whether the name is right, and whether this machine's resolver answers",
            )
            return
        addresses = ", ".join(dict.fromkeys(str(it[4][0]) for it in found))
        if addresses == address.host:
            yield Finding("name", "ok", f"{addresses} is an address")
        else:
            yield Finding("name", "ok", f"{addresses}, in {_ms(begun_s)}")

    def _connect(self, address: Address) -> Iterator[Finding]:
        begun_s = time.monotonic()
        try:
            self._dial(address).close()
        except OSError as error:
            why = error.strerror or str(error)
            yield Finding("port", "fail", f"{address} does not answer: {why}", _port_advice(error))
            return
        yield Finding("port", "ok", f"answers in {_ms(begun_s)}")

    def _secure(self, address: Address) -> Iterator[Finding]:
        if isinstance(address, UnixAddress):
            yield Finding("TLS", "ok", "none is needed: the socket is on this machine")
            return
        if not address.is_secure:
            yield _unencrypted(self._dial(address))
            return
        try:
            with self._open(address) as sock:
                assert isinstance(sock, ssl.SSLSocket)
                yield _certificate(sock)
        except CertificateError as error:
            yield Finding("TLS", "fail", str(error), "see docs/service.md for certificates")
        except OSError as error:
            yield Finding(
                "TLS",
                "fail",
                f"the host does not speak it: {_why_no_tls(error)}",
                "a service without a certificate is at ws://",
            )

    def _read_ready(self, address: Address) -> Iterator[Finding]:
        begun_s = time.monotonic()
        try:
            status, _ = self._get(address, "/readyz")
        except (OSError, http.client.HTTPException) as error:
            yield Finding(
                "HTTP",
                "fail",
                f"what answers there does not speak HTTP: {error or type(error).__name__}",
                "see whether the port is that of telexec-service",
            )
            return
        if status == 200:
            yield Finding("HTTP", "ok", f"ready, answers in {_ms(begun_s)}")
        elif status == 503:
            yield Finding(
                "HTTP", "fail", "the host is shutting down", "wait until it was started anew"
            )
        elif status == 421:
            yield Finding(
                "HTTP",
                "fail",
                "the host does not go by the name in the URL",
                "start the service with --allow-host for the name, or use its address",
            )
        else:
            yield Finding(
                "HTTP",
                "fail",
                f"answers {status} to /readyz",
                "see whether the port is that of telexec-service",
            )

    def _read_numbers(self, address: Address) -> None:
        try:
            status, page = self._get(address, "/metrics")
        except (OSError, http.client.HTTPException):
            return  # A plain host has no such page, and may hang up.
        # Another token than that of clients may be wanted for it: that is no finding.
        if status == 200:
            text = page.decode(errors="replace")
            self.numbers = {name: float(value) for name, value in _SAMPLE.findall(text)}

    def _get(self, address: Address, path: str) -> tuple[int, bytes]:
        host, port = ("localhost", 80)
        if isinstance(address, TcpAddress):
            host, port = address.host, address.port
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        connection = http.client.HTTPConnection(host, port, timeout=STEP_TIMEOUT_S)
        with self._open(address) as sock:
            connection.sock = sock
            connection.request("GET", path, headers={"Connection": "close", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read(_MAX_PAGE_BYTES)

    def _open(self, address: Address) -> socket.socket:
        sock = self._dial(address)
        if not isinstance(address, TcpAddress) or not address.is_secure:
            return sock
        try:
            context = trusting_context(self._target.ca_file)
            return context.wrap_socket(sock, server_hostname=address.host)
        except ssl.SSLCertVerificationError as error:
            sock.close()
            raise distrust(str(address), error, self._target.ca_file) from error
        except BaseException:
            sock.close()
            raise

    def _dial(self, address: Address) -> socket.socket:
        if isinstance(address, TcpAddress):
            return socket.create_connection((address.host, address.port), timeout=STEP_TIMEOUT_S)
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(STEP_TIMEOUT_S)
            sock.connect(address.path)
        except BaseException:
            sock.close()
            raise
        return sock


def _certificate(sock: ssl.SSLSocket) -> Finding:
    certificate = sock.getpeercert() or {}
    until = str(certificate.get("notAfter", ""))
    left_days = int((ssl.cert_time_to_seconds(until) - time.time()) // 86_400)
    what = f"{sock.version()}, the certificate is valid until {until} ({left_days} days)"
    if left_days < EXPIRES_SOON_DAYS:
        return Finding(
            "TLS",
            "warn",
            what,
            "have it renewed, and send the service SIGHUP, at which it reads it again",
        )
    return Finding("TLS", "ok", what)


def _why_no_tls(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        # OpenSSL's own text is for those who know its source.
        return "it hung up, or answered in the clear"
    return error.strerror or str(error)


def _unencrypted(sock: socket.socket) -> Finding:
    with sock:
        peer = ipaddress.ip_address(str(sock.getpeername()[0]).partition("%")[0])
    if peer.is_loopback:
        return Finding("TLS", "ok", "none: the port is on this machine")
    return Finding(
        "TLS",
        "warn",
        "none: who is on the way can read the token, and all that goes over it",
        "have the service listen at wss://, or go by SSH forwarding",
    )


def _port_advice(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "start telexec-service there, and see whether it listens at this port"
    if isinstance(error, FileNotFoundError):
        return "start telexec-service with --listen at this path"
    if isinstance(error, PermissionError):
        return "become the user of the service: nobody else may use its socket"
    return "see whether the host is up, and whether a firewall lets you through"


def _ms(begun_s: float) -> str:
    return f"{(time.monotonic() - begun_s) * 1000:.1f} ms"
