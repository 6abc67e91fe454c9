"""The distribution as an index would offer it."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

DEADLINE_S = 300.0
"""For one command that may have to fetch packages."""


@dataclass(frozen=True)
class Distribution:
    """The files that an index would offer."""

    wheel: Path
    sdist: Path


def checked(argv: Sequence[str], directory: Path) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(
        argv,
        check=False,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stdout


def build_distribution(out: Path) -> Distribution:
    """Build the sdist, and the wheel from the sdist, into a directory."""
    checked([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out)], ROOT)
    (wheel,) = out.glob("*.whl")
    (sdist,) = out.glob("*.tar.gz")
    return Distribution(wheel, sdist)
