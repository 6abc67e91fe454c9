"""Variables that make real programs do what nobody told them to: run a file, print what they like.

Each is tried first where it is allowed, so that a test knows that it would work.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.harness import programs

MARK = b"poisoned"
"""What a poisoned program prints, among other things."""


@dataclass(frozen=True)
class Poison:
    """A program that does nothing by itself, and what makes it print the mark.

    `variables` is told a directory in which `plant` was called.
    """

    argv: list[str]
    variables: Callable[[Path], dict[str, str]]
    mark: bytes = MARK


def plant(directory: Path) -> None:
    """Write the files that the variables name."""
    (directory / "startup.sh").write_text(f"echo {MARK.decode()}\n")
    (directory / "sitecustomize.py").write_text(f"print({MARK.decode()!r})\n")
    (directory / "Poison.pm").write_text(f"print '{MARK.decode()}'; 1;\n")


POISONS = {
    "env by the loader": Poison(
        programs.tool("env"), lambda _: {"LD_SHOW_AUXV": "1"}, mark=b"AT_SYSINFO_EHDR"
    ),
    "true by the loader": Poison(
        programs.tool("true"), lambda _: {"LD_TRACE_LOADED_OBJECTS": "1"}, mark=b"libc.so"
    ),
    "bash by its start-up file": Poison(
        programs.tool("bash", "-c", ":"), lambda where: {"BASH_ENV": f"{where}/startup.sh"}
    ),
    "bash by an exported function": Poison(
        programs.tool("bash", "-c", "ls /dev/null"),
        lambda _: {"BASH_FUNC_ls%%": f"() {{ echo {MARK.decode()}; }}"},
    ),
    "bash by its tracing": Poison(
        programs.tool("bash", "-c", ":"), lambda _: {"SHELLOPTS": "xtrace"}, mark=b"+ :"
    ),
    "bash by its options": Poison(
        programs.tool("bash", "-c", r"echo 'pois\0157ned'"), lambda _: {"BASHOPTS": "xpg_echo"}
    ),
    "dash by its start-up file": Poison(
        programs.tool("dash", "-i", "-c", ":"), lambda where: {"ENV": f"{where}/startup.sh"}
    ),
    "python by its path": Poison(
        [sys.executable, "-c", ""], lambda where: {"PYTHONPATH": str(where)}
    ),
}

if shutil.which("perl"):
    POISONS["perl by its options"] = Poison(
        programs.tool("perl", "-e", "1"),
        lambda where: {"PERL5LIB": str(where), "PERL5OPT": "-MPoison"},
    )
