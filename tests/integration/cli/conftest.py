"""The hosts that every behaviour of `telexec run` is tried on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.server import Server
from tests.harness.service import running_service
from tests.integration.cli.users import CONFIG, User


@dataclass(frozen=True)
class Host:
    """A host as the command line names it."""

    options: tuple[str, ...]

    def run(self, *arguments: str) -> list[str]:
        """Return the arguments of a `telexec run` on this host."""
        return ["run", *self.options, *arguments]


@pytest.fixture
def token_file(tokened_service: Server, tmp_path: Path) -> Path:
    """Return a file with the token of the service."""
    file = tmp_path / "token"
    assert tokened_service.token is not None
    file.write_text(tokened_service.token)
    return file


@pytest.fixture
def embedded() -> Host:
    """Return the embedded host."""
    return Host(())


@pytest.fixture
def remote(tokened_service: Server, token_file: Path) -> Host:
    """Return a real service that wants a token."""
    return Host(("--url", tokened_service.url, "--token-file", str(token_file)))


@pytest.fixture(params=["embedded", "remote"])
def host(request: pytest.FixtureRequest, embedded: Host, remote: Host) -> Host:
    """Return each host in turn."""
    return embedded if request.param == "embedded" else remote


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service that keeps sessions for an hour where a client asks for it."""
    with running_service(tmp_path_factory.mktemp("patient"), config=CONFIG) as server:
        yield server


@pytest.fixture
def user(patient: Server, tmp_path: Path) -> User:
    return User(tmp_path / "home", patient.url)


@pytest.fixture
def stranger(patient: Server, tmp_path: Path) -> User:
    """Return somebody else at the same host."""
    return User(tmp_path / "elsewhere", patient.url)
