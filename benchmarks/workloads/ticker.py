"""The program that prints what time it is, made when it is first needed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.cache import cache_directory

PERIOD_MS = 10
_SOURCE = Path(__file__).parents[1] / "programs" / "ticker.c"


class MissingCompilerError(Exception):
    """There is no C compiler."""


def ticker() -> str:
    """Return the path of the program; see its source.

    In C, so that hundreds of them take little of the CPU that they share with what is measured.
    """
    program = cache_directory() / "ticker"
    if not program.exists() or program.stat().st_mtime < _SOURCE.stat().st_mtime:
        compiler = shutil.which("cc")
        if compiler is None:
            raise MissingCompilerError("cannot make the ticker: there is no C compiler (cc)")
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "-O2", "-o", str(program), str(_SOURCE)], check=True)
    return str(program)


@contextmanager
def gate() -> Generator[tuple[str, Callable[[], None]]]:
    """Give the path of a gate at which tickers wait, and what opens it for all of them."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="telexec-bench-"))
        path = Path(directory) / "gate"
        os.mkfifo(path)

        def open_gate() -> None:
            # For reading too: then it does not matter whether somebody waits already (fifo(7)).
            stack.callback(os.close, os.open(path, os.O_RDWR | os.O_CLOEXEC))

        yield str(path), open_gate
