"""Peers of a real service."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness.raw_peer import RawPeer, raw_peer, stdio_peer
from tests.harness.server import Server, minimal_environment
from tests.harness.service import running_service, service_argv


@pytest_asyncio.fixture
async def peer(service: Server) -> AsyncIterator[RawPeer]:
    """Return a peer of the module's service, with the handshake done."""
    async with raw_peer(service.url) as connected:
        yield connected


@pytest_asyncio.fixture
async def plain_peer(service: Server) -> AsyncIterator[RawPeer]:
    """Return a peer that knows nothing of our extensions."""
    async with raw_peer(service.url, extensions=False) as connected:
        yield connected


@pytest_asyncio.fixture(params=["websocket", "unix", "stdio"])
async def any_peer(
    request: pytest.FixtureRequest, service: Server, unix_service: Server, tmp_path: Path
) -> AsyncIterator[RawPeer]:
    """Return a peer over each kind of transport."""
    if request.param == "stdio":
        env = minimal_environment(tmp_path)
        async with stdio_peer(service_argv("stdio"), env=env, directory=tmp_path) as connected:
            yield connected
    else:
        server = service if request.param == "websocket" else unix_service
        async with raw_peer(server.url) as connected:
            yield connected


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a service on each event loop that it knows; a module's tests share it."""
    options = ["--no-uvloop"] if request.param == "asyncio" else []
    with running_service(tmp_path_factory.mktemp("host"), options=options) as server:
        yield server


@pytest.fixture(scope="module")
def unix_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service on a Unix socket, and on asyncio's own loop, that a module's tests share."""
    directory = tmp_path_factory.mktemp("unix-service")
    listen = f"unix:{directory}/socket"
    with running_service(directory, listen=listen, options=["--no-uvloop"]) as server:
        yield server
