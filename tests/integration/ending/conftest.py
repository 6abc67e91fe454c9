"""Services whose processes come to all kinds of ends."""

from collections.abc import Iterator

import pytest

from tests.harness.server import Server
from tests.harness.service import running_service

CONFIG = "[sessions]\nlease_s = 0.2\n[shutdown]\ndrain_s = 0.1\nkill_grace_s = 0.3\n"
"""Short times: every one of them is waited for."""


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a service on each of the event loops."""
    options = ["--no-uvloop"] if request.param == "asyncio" else []
    with running_service(
        tmp_path_factory.mktemp("service"), options=options, config=CONFIG
    ) as server:
        yield server
