"""Where peers are installed: a directory of the user's."""

import os
import site
import sys
from pathlib import Path


def cache_directory() -> Path:
    """Return `$XDG_CACHE_HOME/telexec-bench`, by default in `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "telexec-bench"


def venv_directory() -> Path:
    """Return where packages of peers are, one venv for each version of Python."""
    return cache_directory() / f"venv-{sys.version_info.major}.{sys.version_info.minor}"


def venv_python() -> Path:
    """Return the interpreter that has the peers' packages."""
    return venv_directory() / "bin" / "python"


def use_installed_packages() -> None:
    """Let this process import what is installed there, behind all that it has itself."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = venv_directory() / "lib" / version / "site-packages"
    if packages.is_dir():
        site.addsitedir(str(packages))
