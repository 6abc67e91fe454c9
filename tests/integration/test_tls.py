"""The service's side of TLS, and what becomes of peers that do not get through its handshake."""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.certificates import TLS_LOOPBACK, Authority, Issued
from tests.harness.deadline import within
from tests.harness.raw_peer import WebSocketChannel, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.integration.test_listeners import failure_of, get

CLIENT_HELLO_START = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
NARROW = "[limits]\nmax_connections = 1\nhandshake_timeout_s = {timeout_s}\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return who vouches for the services of these tests."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_option(request: pytest.FixtureRequest) -> list[str]:
    """Return what has a service run on each of the event loops."""
    return ["--no-uvloop"] if request.param == "asyncio" else []


@pytest.fixture
def narrow(authority: Authority, tmp_path: Path, loop_option: list[str]) -> Iterator[Server]:
    """Return a service with TLS, room for one connection, and little patience."""
    config = NARROW.format(timeout_s=0.5)
    options = [*authority.issue().options, *loop_option]
    with running_service(tmp_path, listen=TLS_LOOPBACK, config=config, options=options) as server:
        yield server


async def connected(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))


async def until_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Return what comes until the other side ends the connection."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while data := await within(reader.read(65_536), what="the end of the connection"):
            said += data
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return said


@pytest.mark.parametrize(
    "said",
    [b"", CLIENT_HELLO_START, b"\x00" * 100, b"\x16" * 100, b"SSH-2.0-OpenSSH_9.9\r\n"],
    ids=["nothing", "half a hello", "zeros", "a bad record", "SSH"],
)
async def test_who_does_not_get_through_the_handshake_gives_its_place_back(
    narrow: Server, authority: Authority, said: bytes
) -> None:
    fds = narrow.fds_in_use()
    strangers = [await connected(narrow) for _ in range(5)]
    for _, writer in strangers:
        writer.write(said)
    for reader, writer in strangers:
        await until_the_end(reader, writer)
    await narrow.back_to_fds(fds)
    async with raw_peer(narrow.url, tls=authority.context()) as peer:
        assert await (await peer.start(programs.exit_with(3))).exit_code() == 3


async def test_who_leaves_in_the_handshake_gives_its_place_back(
    authority: Authority, tmp_path: Path, loop_option: list[str]
) -> None:
    config = NARROW.format(timeout_s=3600)
    options = [*authority.issue().options, *loop_option]
    with running_service(tmp_path, listen=TLS_LOOPBACK, config=config, options=options) as server:
        fds = server.fds_in_use()
        for said in (b"", CLIENT_HELLO_START):
            _, writer = await connected(server)
            writer.write(said)
            writer.close()
            await writer.wait_closed()
        # One that does not believe the certificate leaves with an alert.
        with pytest.raises(ssl.SSLCertVerificationError):
            async with raw_peer(server.url, tls=ssl.create_default_context()):
                pass
        await server.back_to_fds(fds)
        async with raw_peer(server.url, tls=authority.context()) as peer:
            assert peer.session_id


async def test_the_end_of_the_service_waits_for_no_handshake(
    authority: Authority, tmp_path: Path, loop_option: list[str]
) -> None:
    config = NARROW.format(timeout_s=3600)
    options = [*authority.issue().options, *loop_option]
    with running_service(tmp_path, listen=TLS_LOOPBACK, config=config, options=options) as server:
        strangers = [await connected(server) for _ in range(3)]
        strangers[1][1].write(CLIENT_HELLO_START)
        fds = server.fds_in_use()
        server.send_signal(signal.SIGTERM)
        assert await server.ended() == 0
        assert fds > 3
        for reader, writer in strangers:
            await until_the_end(reader, writer)


async def test_who_speaks_plain_http_is_told_to_use_tls(narrow: Server) -> None:
    reader, writer = await connected(narrow)
    writer.write(get("/readyz").encode())
    answer = await until_the_end(reader, writer)
    assert answer.startswith(b"HTTP/1.1 400 ")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}\r\n".encode() in head
    assert b"https://" in body


async def test_health_is_told_through_tls(narrow: Server, authority: Authority) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(narrow.url.rpartition(":")[2]), ssl=authority.context()
    )
    writer.write(get("/readyz").encode())
    assert (await until_the_end(reader, writer)).endswith(b"ok\n")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken(
    narrow: Server, authority: Authority, version: ssl.TLSVersion
) -> None:
    context = authority.context()
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with raw_peer(narrow.url, tls=context) as peer:
        process = await peer.start(programs.numbered_lines(1, 100_000))
        assert await process.exit_code() == 0
        assert process.output() == programs.expected_lines(1, 100_000)
        assert isinstance(peer.channel, WebSocketChannel)
        tls = peer.channel.connection.transport.get_extra_info("ssl_object")
        assert tls.selected_alpn_protocol() == "http/1.1"


async def test_older_versions_are_not(narrow: Server, authority: Authority) -> None:
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with raw_peer(narrow.url, tls=context):
            pass


@pytest.mark.parametrize("fault", ["missing", "directory", "text", "no key", "other key", "cut"])
def test_a_certificate_that_cannot_be_used_is_said_in_one_line(
    authority: Authority, tmp_path: Path, fault: str
) -> None:
    issued, other = authority.issue(), authority.issue()
    pem = issued.certificate.read_bytes()
    text = tmp_path / "text"
    text.write_text("no PEM\n")
    cut = tmp_path / "cut"
    cut.write_bytes(pem[: len(pem) // 2])
    files, why = {
        "missing": (Issued(tmp_path / "none", issued.key), "cannot read"),
        "directory": (Issued(tmp_path, issued.key), "cannot read"),
        "text": (Issued(text, issued.key), "holds no certificate in PEM"),
        "no key": (Issued(issued.certificate, issued.certificate), "holds no private key"),
        "other key": (Issued(issued.certificate, other.key), "is another certificate's"),
        "cut": (Issued(cut, issued.key), "cannot use"),
    }[fault]
    ended = failure_of("--listen", TLS_LOOPBACK, "--no-auth", *files.options, directory=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("telexec-service: cannot ")
    assert why in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_an_encrypted_key_is_an_error_and_no_question(authority: Authority, tmp_path: Path) -> None:
    issued = authority.issue()
    key = tmp_path / "encrypted.key"
    key.write_text(issued.key.read_text().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"))
    options = Issued(issued.certificate, key).options
    ended = failure_of("--listen", TLS_LOOPBACK, "--no-auth", *options, directory=tmp_path)
    assert "the key is encrypted" in ended.stderr


async def test_the_key_may_be_in_the_file_of_the_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    issued = authority.issue()
    both = tmp_path / "both.pem"
    both.touch(mode=0o600)
    both.write_bytes(issued.key.read_bytes() + issued.certificate.read_bytes())
    options = ["--tls-cert", str(both)]
    with running_service(tmp_path, listen=TLS_LOOPBACK, options=options) as server:
        async with raw_peer(server.url, tls=authority.context()) as peer:
            assert peer.session_id
