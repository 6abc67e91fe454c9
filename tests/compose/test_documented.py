"""What docs/containers.md tells an operator to do does what it says."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.docker import docker
from tests.compose.documented import DocumentedExecutor, documented_executor
from tests.harness.deadline import eventually_blocking


@pytest.fixture
def executor(image: str, tmp_path: Path) -> Iterator[DocumentedExecutor]:
    """Return the executor that the page shows first."""
    with documented_executor("Build it, run it", image, tmp_path) as running:
        yield running


def test_an_executor_runs_what_the_page_has_it_run(executor: DocumentedExecutor) -> None:
    assert "\nLinux " in executor.said


@pytest.mark.parametrize("directory", [".", "~", "/tmp"])
def test_a_process_can_run_what_it_has_made(executor: DocumentedExecutor, directory: str) -> None:
    script = f"cd {directory}; printf '#!/bin/sh\\necho made' > made; chmod +x made; ./made"
    assert executor.telexec_run(script) == "made\n"


def test_a_token_is_rotated_by_writing_into_the_file(executor: DocumentedExecutor) -> None:
    token = executor.directory / "token"
    token.write_text(secrets.token_hex(32))
    assert not executor.takes_token()
    docker("kill", "--signal", "HUP", executor.container.name)
    eventually_blocking(executor.takes_token, what="the token to be taken")


def test_an_operator_looks_at_its_configuration_and_restarts_it(
    executor: DocumentedExecutor,
) -> None:
    assert "in order" in executor.container.execute("telexec-service", "config", "check")
    shown = executor.container.execute("telexec-service", "config", "show")
    assert 'listen = "ws://0.0.0.0:7333"' in shown
    docker("restart", "--time", "30", executor.container.name)
    assert executor.container.state["Running"]
    eventually_blocking(executor.takes_token, what="the executor to serve again")
