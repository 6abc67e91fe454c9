"""Services that are worked with over networks that fail."""

from collections.abc import Iterator

import pytest

from tests.harness.server import Server
from tests.harness.service import running_service

CONFIG = """
[service]
log_level = "warning"
[sessions]
lease_s = 6.0
[keepalive]
probe_s = 0.3
"""

SMALL_LIMITS = """
[limits]
retained_bytes = 20_000
retained_events = 64
stdin_buffer_bytes = 5_000
"""


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a service on each event loop; the one on asyncio's retains little."""
    is_plain = request.param == "asyncio"
    with running_service(
        tmp_path_factory.mktemp("service"),
        config=CONFIG + (SMALL_LIMITS if is_plain else ""),
        options=["--no-uvloop"] if is_plain else [],
    ) as server:
        yield server
