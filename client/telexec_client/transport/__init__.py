"""Ways to a host. Only here is anything known of WebSockets, sockets and child processes."""

from collections.abc import Sequence

from telexec_client.core.address import parse_address
from telexec_client.transport.embedded import core_environment, embedded_dialer
from telexec_client.transport.stdio import StdioDialer
from telexec_client.transport.transport import Dialer, Receiver, Transport

__all__ = ["Dialer", "Receiver", "Transport", "command_dialer", "embedded_dialer", "url_dialer"]


def url_dialer(
    url: str, *, token: str | None, token_file: str | None, ca_file: str | None
) -> Dialer:
    """Return the way to the host at a URL; see `parse_address`.

    Raises:
        InvalidUrlError: The URL cannot be used.
        AuthenticationError: The token cannot be used.
        CertificateError: There is a CA file for a host without TLS.
    """
    # Only those who go to another machine pay for loading it.
    from telexec_client.transport.websocket_dialer import WebSocketDialer  # noqa: PLC0415

    return WebSocketDialer(parse_address(url), token=token, token_file=token_file, ca_file=ca_file)


def command_dialer(argv: Sequence[str]) -> Dialer:
    """Return the way to a host that is a program on its stdin and stdout.

    The program gets our own variables of `CORE_NAMES` and no others.
    """
    return StdioDialer(argv, core_environment())
