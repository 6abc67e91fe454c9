import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.core.address import TcpAddress, UnixAddress, parse_address
from telexec_client.errors import InvalidUrlError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://127.0.0.1:7711", TcpAddress("127.0.0.1", 7711, "/", is_secure=False)),
        ("ws://Host.Example", TcpAddress("host.example", 80, "/", is_secure=False)),
        ("wss://host.example", TcpAddress("host.example", 443, "/", is_secure=True)),
        ("ws://[::1]:7711/", TcpAddress("::1", 7711, "/", is_secure=False)),
        ("ws://h:1/a/b?c=d", TcpAddress("h", 1, "/a/b?c=d", is_secure=False)),
        ("ws://bücher.example:1", TcpAddress("xn--bcher-kva.example", 1, "/", is_secure=False)),
        ("unix:/run/telexec.sock", UnixAddress("/run/telexec.sock")),
        ("unix:///run/telexec.sock", UnixAddress("/run/telexec.sock")),
        ("ws+unix:/run/telexec.sock", UnixAddress("/run/telexec.sock")),
        ("unix:telexec.sock", UnixAddress("telexec.sock")),
    ],
)
def test_an_address_is_understood(url: str, address: object) -> None:
    assert parse_address(url) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:7711",
        "http://127.0.0.1:7711",
        "ws:127.0.0.1",
        "ws://",
        "ws://:7711",
        "ws://h:0",
        "ws://h:99999",
        "ws://h:x",
        "ws://[::1",
        "ws://h:1/#here",
        "ws://h:1/ä",
        "ws://h:1/a b",
        "ws://h:1/a\nb",
        "unix:",
        "unix://",
        "unix:a\0b",
    ],
)
def test_anything_else_is_refused_in_words(url: str) -> None:
    with pytest.raises(InvalidUrlError, match="cannot use the URL"):
        parse_address(url)


@pytest.mark.parametrize("url", ["ws://user@h:1", "ws://user:hunter2@h:1", "wss://:hunter2@h"])
def test_a_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidUrlError) as refusal:
        parse_address(url)
    assert "hunter2" not in str(refusal.value)


@given(st.text(max_size=30))
def test_no_text_fails_in_another_way(text: str) -> None:
    for url in (text, f"ws://{text}", f"unix:{text}"):
        try:
            parse_address(url)
        except InvalidUrlError:
            continue
