"""What the tests on a Docker engine share. `prepare` makes a machine able to run them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.docker import ROOT, docker, run
from tests.compose.project import Compose, Project, Secrets, make_secrets, running_project
from tests.harness.codex import CodexMissingError, find_codex
from tests.harness.required import skip_unless_required

IMAGE = "telexec-under-test"

TEST_DEADLINE_S = 400
"""For one test and the image that the first of them makes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this directory."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("compose")
            item.add_marker(pytest.mark.timeout(TEST_DEADLINE_S))


def compose_commands() -> dict[str, Compose]:
    """Return the versions of Compose that there are."""
    found: dict[str, Compose] = {}
    for version, command in {"v1": ["docker-compose"], "v2": ["docker", "compose"]}.items():
        if shutil.which(command[0]):
            done = subprocess.run([*command, "version"], capture_output=True, check=False)
            if done.returncode == 0:
                found[version] = command
    return found


@pytest.fixture(scope="session")
def engine() -> None:
    """Require a Docker engine that answers."""
    if shutil.which("docker") is None:
        skip_unless_required("cannot find docker: these tests need a Docker engine and Compose")
    answer = subprocess.run(["docker", "info"], capture_output=True, check=False, text=True)
    if answer.returncode != 0:
        skip_unless_required(f"no Docker engine answers: {answer.stderr.strip()}")


@pytest.fixture(scope="session", params=["v1", "v2"])
def each_compose(request: pytest.FixtureRequest, engine: None) -> Compose:
    """Return Compose, in each of its versions."""
    found = compose_commands()
    if request.param not in found:
        skip_unless_required(f"cannot find Compose {request.param}")
    return found[request.param]


@pytest.fixture(scope="session")
def compose(engine: None) -> Compose:
    """Return Compose, the newer one if there are two."""
    found = compose_commands()
    if not found:
        skip_unless_required("cannot find docker-compose, nor the plugin 'docker compose'")
    return list(found.values())[-1]


@pytest.fixture(scope="session")
def image(engine: None) -> str:
    """Build the image from the sources."""
    docker("build", "--quiet", "--tag", IMAGE, str(ROOT))
    return IMAGE


@pytest.fixture(scope="session")
def secrets(image: str, tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    """Make tokens and certificates."""
    return make_secrets(image, tmp_path_factory.mktemp("secrets"))


@pytest.fixture(scope="session")
def codex_if_any() -> Path | None:
    """Return the real Codex CLI, if it is on this machine."""
    try:
        return find_codex()
    except CodexMissingError:
        return None


@pytest.fixture(scope="module")
def project(
    compose: Compose, image: str, secrets: Secrets, codex_if_any: Path | None
) -> Iterator[Project]:
    """Bring up two executors and an orchestrator that the tests of a module share."""
    with running_project(compose, image, secrets, codex_if_any) as running:
        yield running


@pytest.fixture(scope="session")
def base() -> str:
    """Return the base image that the Dockerfile asks for."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    (base,) = (line.removeprefix("ARG BASE=") for line in lines if line.startswith("ARG BASE="))
    run(["docker", "image", "inspect", base])
    return base
