"""Unified exec over a client of a real service."""

from collections.abc import AsyncIterator

import pytest_asyncio

from telexec_client import Client
from telexec_client.unified_exec import UnifiedExec


@pytest_asyncio.fixture
async def unified(client: Client) -> AsyncIterator[UnifiedExec]:
    """Return unified exec on the module's service."""
    async with UnifiedExec(client) as opened:
        yield opened
