"""Clients of a real service."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from telexec_client import Client, connect
from tests.harness.server import Server


@pytest_asyncio.fixture
async def client(service: Server) -> AsyncIterator[Client]:
    """Return a client of the module's service."""
    async with connect(service.url) as connected:
        yield connected


@pytest_asyncio.fixture(params=["websocket", "token", "unix", "embedded"])
async def any_client(
    request: pytest.FixtureRequest,
    service: Server,
    tokened_service: Server,
    unix_service: Server,
    tmp_path: Path,
) -> AsyncIterator[Client]:
    """Return a client by each way there is to a host."""
    token_file = tmp_path / "token"
    token_file.write_text(f"{tokened_service.token}\n")
    opening = {
        "websocket": lambda: connect(service.url),
        "token": lambda: connect(tokened_service.url, token_file=str(token_file)),
        "unix": lambda: connect(unix_service.url),
        "embedded": connect,
    }[request.param]()
    async with opening as connected:
        yield connected
