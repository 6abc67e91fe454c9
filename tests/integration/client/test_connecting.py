"""Getting to a host, and the ways in which that fails."""

import asyncio
import importlib.util
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import pytest_asyncio

from telexec_client import Client, connect, connect_command, errors
from tests.harness import programs
from tests.harness.deadline import within
from tests.harness.server import Server
from tests.harness.service import service_argv


async def test_a_client_can_be_awaited_and_closed(service: Server) -> None:
    client = await connect(service.url)
    assert client.host.platform_os == "linux"
    assert not client.is_embedded
    assert client.extensions is not None
    await client.close()
    await client.close()


async def test_a_host_can_be_any_program_on_stdio() -> None:
    async with connect_command(service_argv("stdio")) as client:
        assert not client.is_embedded
        assert (await client.run(programs.say("hello"))).stdout == b"hello"


@pytest.mark.parametrize("url", ["", "127.0.0.1:1", "http://127.0.0.1:1", "ws://", "unix:"])
async def test_what_is_no_url_is_said_to_be_none(url: str) -> None:
    with pytest.raises(errors.InvalidUrlError):
        await connect(url)


async def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(errors.HostUnreachableError, match="refused"):
            await within(connect(url), what="the error")
    with pytest.raises(errors.HostUnreachableError, match="No such file"):
        await within(connect(f"unix:{tmp_path}/nothing"), what="the error")
    with pytest.raises(errors.HostUnreachableError, match=r"cannot reach ws://host\.invalid:1: \w"):
        await within(connect("ws://host.invalid:1"), what="the error")


@pytest.mark.parametrize("token", [None, "wrong", "x" * 100])
async def test_a_wrong_token_is_an_error_of_its_own(
    tokened_service: Server, token: str | None
) -> None:
    with pytest.raises(errors.AuthenticationError, match="401"):
        await within(connect(tokened_service.url, token=token), what="the error")


async def test_the_right_token_opens(tokened_service: Server) -> None:
    async with connect(tokened_service.url, token=tokened_service.token) as client:
        assert (await client.run(programs.say("in"))).stdout == b"in"


async def test_a_token_file_that_cannot_be_used_is_an_error(
    tokened_service: Server, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for path in (tmp_path / "missing", empty, binary, tmp_path):
        with pytest.raises(errors.AuthenticationError, match="cannot"):
            await connect(tokened_service.url, token_file=str(path))


@pytest_asyncio.fixture
async def stranger() -> AsyncIterator[Callable[[bytes | None], Awaitable[str]]]:
    """Return what starts a server that answers with these bytes; `None`: with nothing at all."""
    servers: list[asyncio.Server] = []
    writers: list[asyncio.StreamWriter] = []

    async def start(answer: bytes | None) -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await reader.readuntil(b"\r\n\r\n")
            if answer is not None:
                writer.write(answer)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for writer in writers:
        writer.close()
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nwithout a length",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\0" * 100,
    ],
)
async def test_what_is_no_host_is_said_to_be_none(
    stranger: Callable[[bytes | None], Awaitable[str]], answer: bytes
) -> None:
    url = await stranger(answer)
    with pytest.raises(errors.HandshakeError, match="cannot open a session"):
        await within(connect(url), what="the error")


async def test_a_server_that_hangs_up_is_unreachable(
    stranger: Callable[[bytes | None], Awaitable[str]],
) -> None:
    url = await stranger(b"")
    with pytest.raises((errors.HostUnreachableError, errors.HandshakeError)):
        await within(connect(url), what="the error")


async def test_silence_ends_with_the_time_for_opening(
    stranger: Callable[[bytes | None], Awaitable[str]],
) -> None:
    url = await stranger(None)
    with pytest.raises(errors.HostUnreachableError, match=r"within 0\.2 s"):
        await within(connect(url, open_timeout_s=0.2), what="the error")


async def test_cancelling_the_opening_leaves_nothing(
    stranger: Callable[[bytes | None], Awaitable[str]],
) -> None:
    url = await stranger(None)

    async def open_() -> Client:
        return await connect(url)

    opening = asyncio.ensure_future(open_())
    await asyncio.wait({opening}, timeout=0.1)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening


async def test_a_program_that_is_no_host_is_an_error() -> None:
    with pytest.raises(errors.HandshakeError, match="exit status 3"):
        await within(connect_command(programs.exit_with(3)), what="the error")
    with pytest.raises(errors.HandshakeError, match="do not understand"):
        await within(connect_command(programs.say("Welcome!\n")), what="the error")
    with pytest.raises(errors.HostUnreachableError, match="No such file"):
        await connect_command(["/no/such/program"])


async def test_without_the_service_there_is_no_embedded_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "structlog" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(errors.EmbeddedHostUnavailableError, match=r"telexec\[service\]") as error:
        await connect()
    assert error.value.missing == ("structlog",)


async def test_an_embedded_host_takes_no_token() -> None:
    with pytest.raises(errors.AuthenticationError):
        await connect(token="x")
