"""The fault proxy does what tests rely on."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.deadline import eventually, within
from tests.harness.fault_proxy import FaultProxy, fault_proxy

pytestmark = pytest.mark.both_loops


@asynccontextmanager
async def counting_server(total_bytes: int) -> AsyncGenerator[str]:
    """Send every client so many bytes, then echo what it says."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(bytes(n % 251 for n in range(total_bytes)))
            while data := await reader.read(65_536):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def connected(
    proxy: FaultProxy,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to a proxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()
        # What the other side did to the connection is not this function's business.
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_it_forwards_both_ways_and_passes_an_orderly_end_on() -> None:
    async with counting_server(1_000) as url:
        with fault_proxy(url) as proxy:
            async with connected(proxy) as (reader, writer):
                greeting = await within(reader.readexactly(1_000), what="the greeting")
                assert greeting == bytes(n % 251 for n in range(1_000))
                writer.write(b"x" * 500_000)
                writer.write_eof()
                echoed = await within(reader.read(), what="the echo")
                assert echoed == b"x" * 500_000
            await eventually(lambda: proxy.open_connections == 0)
            assert proxy.connections == 1


async def test_a_cut_comes_at_the_exact_byte_and_resets() -> None:
    async with counting_server(300_000) as url:
        with fault_proxy(url) as proxy:
            cut = proxy.cut_after(server_bytes=123_457)
            async with connected(proxy) as (reader, _):
                await within(cut, what="the cut")
                with pytest.raises(ConnectionResetError):
                    await within(reader.read(), what="the reset")
            assert proxy.forwarded_bytes["server"] == 123_457


async def test_a_cut_can_count_what_the_client_sends() -> None:
    async with counting_server(1) as url:
        with fault_proxy(url) as proxy:
            cut = proxy.cut_after(client_bytes=7)
            async with connected(proxy) as (_, writer):
                writer.write(b"0123456789")
                await within(cut, what="the cut")
            assert proxy.forwarded_bytes["client"] == 7


async def test_a_refused_connection_is_refused_until_it_accepts_again() -> None:
    async with counting_server(5) as url:
        with fault_proxy(url) as proxy:
            proxy.refuse()
            with pytest.raises(ConnectionRefusedError):
                async with connected(proxy):
                    pass
            proxy.accept()
            async with connected(proxy) as (reader, _):
                assert len(await within(reader.readexactly(5), what="the greeting")) == 5


async def test_a_stalled_proxy_says_nothing_and_loses_nothing() -> None:
    async with counting_server(10) as url:
        with fault_proxy(url) as proxy:
            proxy.stall()
            async with connected(proxy) as (reader, _):
                await eventually(lambda: proxy.open_connections == 1)
                assert proxy.forwarded_bytes["server"] == 0
                proxy.resume()
                assert len(await within(reader.readexactly(10), what="the greeting")) == 10


async def test_a_delay_holds_every_byte_back() -> None:
    async with counting_server(10) as url:
        with fault_proxy(url) as proxy:
            proxy.delay_s = 0.2
            loop = asyncio.get_running_loop()
            async with connected(proxy) as (reader, _):
                started_at = loop.time()
                await within(reader.readexactly(10), what="the greeting")
                assert loop.time() - started_at > 0.15


async def test_a_throttle_limits_the_rate() -> None:
    async with counting_server(10_000) as url:
        with fault_proxy(url) as proxy:
            proxy.bytes_per_s = 50_000
            loop = asyncio.get_running_loop()
            async with connected(proxy) as (reader, _):
                started_at = loop.time()
                await within(reader.readexactly(10_000), what="the greeting")
                assert loop.time() - started_at > 0.15


async def test_it_can_stand_between_unix_sockets(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(target))
        listener.listen()
        listener.setblocking(False)
        with fault_proxy(f"unix:{target}", tmp_path / "proxy") as proxy:
            assert proxy.url == f"unix:{tmp_path / 'proxy'}"
            loop = asyncio.get_running_loop()
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "proxy"))
            server, _ = await within(loop.sock_accept(listener), what="the proxy's connection")
            with server:
                await loop.sock_sendall(server, b"hello")
                assert await within(reader.readexactly(5), what="the greeting") == b"hello"
                proxy.cut()
                assert await within(reader.read(), what="the end") == b""
            writer.close()
            await writer.wait_closed()
