"""Services that give each process a cgroup."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness.cgroup import controllers_of, mounted, own_cgroup
from tests.harness.raw_peer import RawPeer, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service

SHORT = "[sessions]\nlease_s = 0.2\n[shutdown]\ndrain_s = 0.1\nkill_grace_s = 0.3\n"
"""Short times: every one of them is waited for."""


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave the limits of trees to `test_own_kernel.py` where this kernel lacks a controller."""
    if collection_path.name != "test_tree_limits.py":
        return None
    root = mounted()
    if root is not None and {"memory", "pids", "cpu"} <= controllers_of(root):
        return None
    return True


def config(group: Path, rest: str = "") -> str:
    """Return a configuration with cgroups below this one."""
    return f'{SHORT}[cgroups]\nparent = "{group}"\n{rest}'


@pytest.fixture
def group() -> Iterator[Path]:
    """Return a cgroup for a service."""
    with own_cgroup() as made:
        yield made


@pytest.fixture(params=["uvloop", "asyncio"])
def service(request: pytest.FixtureRequest, tmp_path: Path, group: Path) -> Iterator[Server]:
    """Return a service on each of the event loops."""
    options = ["--no-uvloop"] if request.param == "asyncio" else []
    with running_service(tmp_path, options=options, config=config(group)) as server:
        yield server


@pytest_asyncio.fixture
async def peer(service: Server) -> AsyncIterator[RawPeer]:
    """Return a peer of that service."""
    async with raw_peer(service.url) as peer:
        yield peer
