"""Servers as processes of our own."""

import asyncio
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
_POLL_S = 0.001


class ServerFailedError(Exception):
    """A server did not start; the text has the end of its log."""


class ServerProcess:
    """A server that was started; `stop` ends it and waits for it."""

    def __init__(
        self, argv: Sequence[str], directory: Path, env: Mapping[str, str], *, says_address: bool
    ) -> None:
        self._name = Path(argv[0]).name
        self._log = directory / f"{self._name}-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                list(argv),
                cwd=directory,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if says_address else log,
                stderr=log,
                # ^C at the terminal is for us: servers are ended in order.
                process_group=0,
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    async def address(self) -> str:
        """Return the line that it prints on stdout when it takes connections."""
        stdout = self._process.stdout
        assert stdout is not None
        give_up_at = time.monotonic() + START_TIMEOUT_S
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(give_up_at - time.monotonic()):
                    raise self._failure("it said no address in time")
                data = os.read(stdout.fileno(), 4096)
                if not data:
                    raise self._failure("it ended")
                line += data
        return line.decode().strip()

    async def listening(self, port: int) -> None:
        """Return when something takes connections on a port of the loopback address."""
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_at:
            if self._process.poll() is not None:
                raise self._failure("it ended")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(_POLL_S)
            else:
                writer.close()
                await writer.wait_closed()
                return
        raise self._failure("it takes no connections")

    def stop(self) -> None:
        """End it, by force if it does not want to. Idempotent."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _failure(self, why: str) -> ServerFailedError:
        end = self._log.read_text(errors="replace")[-500:]
        return ServerFailedError(f"cannot measure {self._name}: {why}; its log ends with: {end}")


def minimal_environment(directory: Path) -> dict[str, str]:
    """Return what a server needs, and what its commands inherit."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }
