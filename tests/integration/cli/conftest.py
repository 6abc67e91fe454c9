"""The hosts that every behaviour of `telexec run` is tried on."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.server import Server


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
