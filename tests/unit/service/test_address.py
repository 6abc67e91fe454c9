import pytest

from telexec_service.transport.address import (
    ListenError,
    StdioAddress,
    TcpAddress,
    UnixAddress,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ws://127.0.0.1:0", TcpAddress("127.0.0.1", 0)),
        ("ws://localhost:80/", TcpAddress("127.0.0.1", 80)),
        ("ws://[::1]:7711", TcpAddress("::1", 7711)),
        ("wss://0.0.0.0:7711", TcpAddress("0.0.0.0", 7711, is_secure=True)),
        ("unix:/run/x.sock", UnixAddress("/run/x.sock")),
        ("unix:///run/x.sock", UnixAddress("/run/x.sock")),
        ("stdio", StdioAddress()),
        ("stdio://", StdioAddress()),
    ],
)
def test_an_address_is_understood(text: str, address: object) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:80",
        "http://127.0.0.1:80",
        "ws://127.0.0.1",
        "ws://host.example:80",
        "ws://127.0.0.1:99999",
        "ws://127.0.0.1:x",
        "ws://127.0.0.1:80/path",
        "unix:",
        "ws://[::1:80",
    ],
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(ListenError, match="cannot listen on"):
        parse_address(text)


def test_the_url_of_an_ipv6_address_has_brackets() -> None:
    assert TcpAddress("::1", 0).url(7711) == "ws://[::1]:7711"


def test_loopback_is_recognised() -> None:
    assert TcpAddress("127.8.8.8", 1).is_loopback
    assert TcpAddress("::1", 1).is_loopback
    assert not TcpAddress("0.0.0.0", 1).is_loopback
