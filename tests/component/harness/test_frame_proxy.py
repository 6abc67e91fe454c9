"""The frame proxy does what tests rely on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from tests.harness.deadline import eventually, within
from tests.harness.frame_proxy import Fault, Way, frame_proxy

pytestmark = pytest.mark.both_loops


@asynccontextmanager
async def listening_server(heard: list[str | bytes]) -> AsyncGenerator[str]:
    """Note every message and echo it."""

    async def handle(connection: ServerConnection) -> None:
        async for message in connection:
            heard.append(message)
            await connection.send(message)

    async with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


def connected(url: str) -> connect:
    """Connect to a proxy."""
    return connect(url, compression=None, ping_interval=None, proxy=None, close_timeout=0.2)


async def echo(connection: ClientConnection, message: str | bytes) -> str | bytes:
    """Say something and return what comes back."""
    await connection.send(message)
    return await within(connection.recv(), what="the echo")


async def test_it_forwards_and_counts_frames_of_both_kinds_and_any_size() -> None:
    heard: list[str | bytes] = []
    async with (
        listening_server(heard) as server,
        frame_proxy(server) as proxy,
        connected(proxy.url) as connection,
    ):
        for message in ("short", b"\x01\x02", "x" * 300, b"\0" * 200_000):
            assert await echo(connection, message) == message
        # The heads of the request and of its answer are frames, too.
        assert proxy.frames == {"server": 5, "client": 5}


@pytest.mark.parametrize("way", ["reset", "hang_up", "strand"])
@pytest.mark.parametrize(("part", "arrives"), [(0.0, False), (0.5, False), (1.0, True)])
async def test_a_fault_hits_its_frame_and_only_as_much_of_it_gets_through(
    way: Way, part: float, arrives: bool
) -> None:
    heard: list[str | bytes] = []
    plan = [Fault("client", 2, part, way)]
    async with listening_server(heard) as server, frame_proxy(server, plan) as proxy:
        async with connected(proxy.url) as connection:
            assert await echo(connection, "first") == "first"
            await connection.send("second")
            with pytest.raises(websockets.ConnectionClosedError):
                await within(connection.recv(), what="the end")
        assert proxy.fired == plan
        if arrives:
            await eventually(lambda: heard == ["first", "second"], what="the second one")
        async with connected(proxy.url) as connection:
            assert await echo(connection, "third") == "third"
        assert heard == (["first", "second", "third"] if arrives else ["first", "third"])


async def test_what_is_swallowed_is_gone_without_a_word_and_the_end_comes_later() -> None:
    heard: list[str | bytes] = []
    plan = [Fault("server", 1, 0.0, "swallow")]
    async with (
        listening_server(heard) as server,
        frame_proxy(server, plan) as proxy,
        connected(proxy.url) as connection,
    ):
        await connection.send("first")
        await connection.send("second")
        # The other direction still works.
        await eventually(lambda: heard == ["first", "second"], what="both")
        with pytest.raises(websockets.ConnectionClosedError):
            await within(connection.recv(), what="the end")


async def test_a_stranded_server_hears_nothing_of_the_end() -> None:
    ended: list[list[str | bytes]] = []

    async def handle(connection: ServerConnection) -> None:
        heard = [await connection.recv()]
        await connection.wait_closed()
        ended.append(heard)

    plan = [Fault("client", 1, 1.0, "strand")]
    async with serve(handle, "127.0.0.1", 0, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with frame_proxy(f"ws://127.0.0.1:{port}", plan) as proxy:
            async with connected(proxy.url) as connection:
                await connection.send("first")
                with pytest.raises(websockets.ConnectionClosedError):
                    await within(connection.recv(), what="the end")
            async with connected(proxy.url) as connection:
                await connection.send("second")
            await eventually(lambda: ended, what="the end of the second")
            assert ended == [["second"]]
        await eventually(lambda: ended == [["second"], ["first"]], what="the end of the first")
