"""The distribution as a user gets it, and fresh virtual environments to install it into."""

import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.distribution import DEADLINE_S, Distribution, build_distribution, checked


@dataclass(frozen=True)
class Installation:
    """A virtual environment of its own, and the directory its commands run in."""

    directory: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs with nothing of the test's environment but a search path."""
        return subprocess.run(
            [str(self.directory / "bin" / program), *arguments],
            check=False,
            capture_output=True,
            cwd=self.directory,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=DEADLINE_S,
        )


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    """Build the sdist, and the wheel from the sdist."""
    return build_distribution(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def install(
    distribution: Distribution, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Installation]:
    """Return a function that installs the wheel with the given extras (`[cli]`)."""

    def install_with(extras: str) -> Installation:
        directory = tmp_path_factory.mktemp("venv")
        venv.create(directory, with_pip=False, symlinks=True)
        python = str(directory / "bin" / "python")
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        checked([*pip, f"telexec{extras} @ {distribution.wheel.as_uri()}"], directory)
        return Installation(directory)

    return install_with


@pytest.fixture(scope="session")
def thin(install: Callable[[str], Installation]) -> Installation:
    """Return `pip install telexec`."""
    return install("")


@pytest.fixture(scope="session")
def full(install: Callable[[str], Installation]) -> Installation:
    """Return `pip install 'telexec[cli,service]'`."""
    return install("[cli,service]")
