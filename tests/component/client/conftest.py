"""A scripted host and a client of it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.component.client.scripted_host import ScriptedHost, scripted_host


@pytest_asyncio.fixture
async def host() -> AsyncIterator[ScriptedHost]:
    async with scripted_host() as running:
        yield running
