"""The real `telexec` command as a process."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.deadline import DEADLINE_S

TELEXEC = str(Path(sys.executable).parent / "telexec")


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class Command:
    """A running `telexec`, in a process group of its own as a shell would give it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._read = {"stdout": b"", "stderr": b""}

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def read_until(self, marker: bytes, *, stream: str = "stdout") -> bytes:
        """Return all that came of a stream, as soon as `marker` is in it."""
        pipe = self._process.stdout if stream == "stdout" else self._process.stderr
        assert pipe is not None
        give_up_at = time.monotonic() + DEADLINE_S
        while marker not in self._read[stream]:
            assert select.select([pipe], [], [], max(0, give_up_at - time.monotonic()))[0], (
                f"waited in vain for {marker!r}; there is {self._read}"
            )
            data = os.read(pipe.fileno(), 65536)
            assert data, f"the end came before {marker!r}: {self._rest()}"
            self._read[stream] += data
        return self._read[stream]

    def write(self, data: bytes) -> None:
        """Write to its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def close_stdin(self) -> None:
        """End its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def close_stdout(self) -> None:
        """Stop reading its output, as a reader that has seen enough."""
        assert self._process.stdout is not None
        self._process.stdout.close()

    def press_interrupt(self) -> None:
        """Do what a terminal does at ^C: interrupt the foreground process group."""
        os.killpg(self._process.pid, signal.SIGINT)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the command alone."""
        self._process.send_signal(number)

    def ended(self) -> Ended:
        """Wait for its end and return what it printed in all."""
        stdout, stderr = self._rest()
        return Ended(self._process.returncode, stdout, stderr)

    def _rest(self) -> tuple[bytes, bytes]:
        stdin = self._process.stdin
        if stdin is not None and stdin.closed:
            self._process.stdin = None
        if self._process.stdout is not None and self._process.stdout.closed:
            self._process.stdout = None
        stdout, stderr = self._process.communicate(timeout=DEADLINE_S)
        return self._read["stdout"] + (stdout or b""), self._read["stderr"] + (stderr or b"")


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a command: the search path, and no hosts of whoever runs tests."""
    return {
        "PATH": os.environ["PATH"],
        "TELEXEC_HOSTS": os.devnull,
        **(variables or {}),
    }


@contextmanager
def running(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    directory: Path | None = None,
    through: Sequence[str] = (),
) -> Generator[Command]:
    """Run `telexec` with these arguments; it is killed if it still runs when the block ends.

    Args:
        env: What its environment has besides the search path.
        stdin: As for `subprocess.Popen`; `PIPE` for the test to write to.
        stdout: As for `subprocess.Popen`; what is not a pipe is not read.
        through: A command that executes the one that follows it.
    """
    with subprocess.Popen(
        [*through, TELEXEC, *arguments],
        cwd=directory,
        env=environment(env),
        process_group=0,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield Command(process)
        finally:
            if process.poll() is None:
                process.kill()


def telexec(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    directory: Path | None = None,
) -> Ended:
    """Run `telexec` to its end; without `stdin`, from /dev/null."""
    done = subprocess.run(
        [TELEXEC, *arguments],
        capture_output=True,
        check=False,
        cwd=directory,
        env=environment(env),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        timeout=4 * DEADLINE_S,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
