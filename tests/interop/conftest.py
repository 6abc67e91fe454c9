"""Hosts that Codex is put to work on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.codex import running_exec_server
from tests.harness.server import Server
from tests.harness.service import running_service

HOST_ENVIRONMENT = {"HOST_VARIABLE": "of the host", "HOST_KEYBOARD": "with keys"}


@pytest.fixture(params=["telexec-service", "exec-server"])
def host(request: pytest.FixtureRequest, codex: Path, tmp_path: Path) -> Iterator[Server]:
    """Return a host for Codex: ours, and its own, which shows that a test expects the right."""
    directory = tmp_path / "host"
    directory.mkdir()
    if request.param == "exec-server":
        with running_exec_server(codex, directory, env=HOST_ENVIRONMENT) as server:
            yield server
    else:
        with running_service(directory, env=HOST_ENVIRONMENT) as server:
            yield server


@pytest.fixture
def our_host(codex: Path, tmp_path: Path) -> Iterator[Server]:
    """Return a host of ours, for what is not so on Codex's own."""
    directory = tmp_path / "host"
    directory.mkdir()
    with running_service(directory, env=HOST_ENVIRONMENT) as server:
        yield server


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return an empty directory to work in."""
    path = tmp_path / "workspace"
    path.mkdir()
    return path
