"""A server under test as a real process: started, watched and stopped."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.harness import procfs
from tests.harness.deadline import DEADLINE_S, eventually

GUARDIAN = "telexec-guard"
"""The name of a service's guardian, once it is up."""

_GUARDIAN_MODULE = b"telexec_service.processes.guardian_program"


class ServerFailedError(AssertionError):
    """A server did not start, or did not end as it should; the text has what it logged."""

    def __init__(self, why: str, log: str) -> None:
        super().__init__(f"{why}\n--- its stderr ---\n{log or '(nothing)'}")


class Server:
    """A running server that printed its URL.

    Attributes:
        url: What it printed.
        token: What it wants as a bearer token; `None` when it wants none.
        log_file: Where its stderr goes.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], url: str, log_file: Path, token: str | None
    ) -> None:
        self.url = url
        self.token = token
        self.log_file = log_file
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; `None` while it runs."""
        return self._process.poll()

    def log(self) -> str:
        """Return what it wrote to stderr so far."""
        return self.log_file.read_text(errors="replace")

    def open_fds(self) -> dict[int, str]:
        """Return its open descriptors and what each one is."""
        return procfs.open_fds(self.pid)

    def fds_in_use(self) -> int:
        """Return how many descriptors it has open, without its spare ones.

        Those lead to /dev/null, and there are fewer of them while it looks who has to be ended.
        """
        return sum(target != os.devnull for target in self.open_fds().values())

    async def back_to_fds(self, count: int) -> None:
        """Wait until it uses no more than `count` descriptors, which `fds_in_use` told before."""
        try:
            await eventually(lambda: self.fds_in_use() <= count)
        except AssertionError:
            raise AssertionError(f"more than {count} descriptors: {self.open_fds()}") from None

    def children(self) -> list[procfs.ProcessEntry]:
        """Return what descends from it, zombies too; its guardian is a part of it."""
        return [it for it in procfs.descendants(self.pid) if not is_guardian(it.pid)]

    def guardian(self) -> procfs.ProcessEntry | None:
        """Return the guardian, `None` before it is there."""
        return next((it for it in procfs.children(self.pid) if it.name == GUARDIAN), None)

    def resident_bytes(self) -> int:
        """Return how much memory it takes."""
        return procfs.resident_bytes(self.pid)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal it."""
        self._process.send_signal(number)

    async def ended(self, *, deadline_s: float = DEADLINE_S) -> int:
        """Wait for its end, with the event loop running, and return its exit code."""
        await eventually(
            lambda: self._process.poll() is not None, what="the server's end", deadline_s=deadline_s
        )
        return self._process.returncode

    def stop(self, *, expect_graceful: bool) -> None:
        """End it with SIGTERM; one that ended already is only looked at.

        Raises:
            ServerFailedError: It had to be killed, or `expect_graceful` and it did not exit with 0,
                or it wrote more than its URL to stdout.
        """
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(DEADLINE_S)
            raise ServerFailedError(
                f"still there {DEADLINE_S:g} s after SIGTERM", self.log()
            ) from None
        finally:
            rest = _drain(self._process)
        if expect_graceful and self._process.returncode != 0:
            raise ServerFailedError(f"exited with {self._process.returncode}, not 0", self.log())
        if expect_graceful and rest:
            raise ServerFailedError(f"wrote {rest!r} to stdout after its URL", self.log())


@contextmanager
def running_server(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    directory: Path,
    token: str | None = None,
    expect_graceful: bool = True,
    open_files: int | None = None,
    soft_open_files: int | None = None,
    stderr: int | None = None,
) -> Generator[Server]:
    """Run `argv` in `directory` with exactly this environment until the block ends.

    Args:
        expect_graceful: Whether SIGTERM must end it with 0 and nothing but a URL on stdout.
        open_files: A limit on its descriptors.
        soft_open_files: A lower one, which it may raise to that.
        stderr: Where it logs, instead of a file.
    """
    log_file = directory / f"stderr-{time.monotonic_ns()}.log"
    if open_files is not None:
        soft = "" if soft_open_files is None else f"ulimit -Sn {soft_open_files}; "
        argv = ["/bin/sh", "-c", f'ulimit -n {open_files}; {soft}exec "$@"', "sh", *argv]
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            argv,
            env=dict(env),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log if stderr is None else stderr,
        )
    try:
        url = _read_line(process, log_file)
    except BaseException:
        process.kill()
        process.wait()
        _drain(process)
        raise
    server = Server(process, url, log_file, token)
    try:
        yield server
    finally:
        server.stop(expect_graceful=expect_graceful)


def minimal_environment(home: Path) -> dict[str, str]:
    """Return what a program needs to run here and nothing of this process's own."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}


def is_guardian(pid: int) -> bool:
    """Whether a process is a guardian, also before it has its name."""
    try:
        return _GUARDIAN_MODULE in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _read_line(process: subprocess.Popen[bytes], log_file: Path) -> str:
    assert process.stdout is not None
    give_up_at = time.monotonic() + DEADLINE_S
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(give_up_at - time.monotonic()):
                raise ServerFailedError("printed no URL in time", log_file.read_text())
            # One byte at a time: what comes after the line is looked at in the end.
            data = os.read(process.stdout.fileno(), 1)
            if not data:
                process.wait(DEADLINE_S)
                raise ServerFailedError(
                    f"ended with {process.returncode} before it printed a URL",
                    log_file.read_text(errors="replace"),
                )
            line += data
    return line.decode().strip()


def _drain(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    # A child that outlives its server may hold the pipe: take what is there, wait for nothing.
    os.set_blocking(process.stdout.fileno(), False)
    with process.stdout:
        return process.stdout.read() or b""
