"""Getting the peers: `python -m benchmarks peers`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.cache import cache_directory, venv_directory, venv_python
from benchmarks.subjects.subject import MissingPeerError

PACKAGES = ("asyncssh==2.24.1", "swe-rex==1.4.0", "matplotlib>=3.9")
"""Of PyPI; matplotlib is for `--plot`."""

CODEX = "@openai/codex@0.169.0"
"""Of npm."""


def install_peers() -> int:
    """Install what can be installed and say what is missing; return the exit code."""
    failures = 0
    failures += _step("asyncssh, swe-rex, matplotlib", _install_packages)
    failures += _step("codex", _install_codex)
    failures += _step("openssh", lambda: str(find_sshd()))
    return min(failures, 1)


def find_codex() -> Path:
    """Return the binary that `CODEX` names, or that was installed, or that is on `PATH`.

    Raises:
        MissingPeerError: There is none.
    """
    # The program itself and not its Node.js launcher, which takes time of its own.
    installed = sorted(
        (cache_directory() / "codex").glob("node_modules/@openai/codex-*/vendor/*/bin/codex")
    )
    named = os.environ.get("CODEX") or (installed[0] if installed else shutil.which("codex"))
    if not named or not os.access(named, os.X_OK):
        raise MissingPeerError(
            "cannot find the Codex CLI: run `python -m benchmarks peers`, or name it in CODEX"
        )
    return Path(named)


def find_sshd() -> Path:
    """Return OpenSSH's server.

    Raises:
        MissingPeerError: There is none.
    """
    # It is not on every user's PATH.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("sshd", path=path)
    if found is None:
        raise MissingPeerError("cannot find sshd: `apt-get install openssh-server`")
    return Path(found)


def check_package(name: str) -> None:
    """Raise `MissingPeerError` unless the peers' venv has a package."""
    packages = venv_directory().glob(f"lib/*/site-packages/{name}")
    if not any(packages):
        raise MissingPeerError(f"cannot find {name}: run `python -m benchmarks peers`")


def _install_packages() -> str:
    directory = venv_directory()
    if not venv_python().exists():
        subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    install = [str(venv_python()), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--disable-pip-version-check", *PACKAGES], check=True)
    return str(directory)


def _install_codex() -> str:
    try:
        return str(find_codex())
    except MissingPeerError:
        npm = shutil.which("npm")
        if npm is None:
            raise MissingPeerError(
                "cannot install codex without npm: `apt-get install npm`"
            ) from None
        prefix = cache_directory() / "codex"
        options = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([npm, "install", "--prefix", str(prefix), *options, CODEX], check=True)
        return str(find_codex())


def _step(what: str, install: Callable[[], str]) -> int:
    try:
        print(f"{what}: {install()}", flush=True)
    except (MissingPeerError, OSError, subprocess.CalledProcessError) as error:
        print(f"{what}: left out: {error}", flush=True)
        return 1
    return 0
