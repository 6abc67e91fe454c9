"""Services of three workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.server import Server
from tests.harness.service import running_service

OPTIONS = {"uvloop": ["--workers", "3"], "asyncio": ["--workers", "3", "--no-uvloop"]}


@pytest.fixture(params=OPTIONS)
def three(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Return a service of three workers, on either loop."""
    with running_service(tmp_path, options=OPTIONS[request.param]) as server:
        yield server
