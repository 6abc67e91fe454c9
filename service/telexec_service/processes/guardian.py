"""The guardian: a small process beside the service that ends all of its children if it is killed.

What the service started cannot be left to the service alone: nobody can do anything against
SIGKILL, or against a crash of the interpreter. The guardian waits for the end of a pipe that only
the service holds. It is no parent of anything: it knows the processes by their marks.
"""

import asyncio
import os
import signal
import sys
from typing import Any

from telexec_service.processes.marks import Marks
from telexec_service.processes.reaper import Reaper

RESTART_S = 1.0
MAX_RESTART_S = 60.0
"""How long after the guardian was killed there is another one; doubled each time."""

END_TIMEOUT_S = 2.0
"""How long the service waits for the guardian at its own end."""

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    "from telexec_service.processes.guardian_program import main; main()"
)
_PACKAGES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

_BLOCKED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
"""It ends with the service, and not because somebody told a whole group to."""


class Guardian:
    """Keeps a guardian running, from `start` to `close`.

    Args:
        log: A structlog logger.
        group: The cgroup of all that the service starts; None: there is none.
    """

    def __init__(self, marks: Marks, reaper: Reaper, log: Any, group: str | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._marks = marks
        self._reaper = reaper
        self._log = log
        self._group = group or ""
        self._pid: int | None = None
        self._pidfd = -1
        self._lifeline = -1
        self._restart_s = RESTART_S
        self._restart: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        self._ended.set()

    @property
    def pids(self) -> tuple[int, ...]:
        """The process, which belongs to the service; none while there is none."""
        return () if self._pid is None else (self._pid,)

    def start(self) -> None:
        """Start it, unless there are no marks that it could know anything by.

        If it cannot be started now it is tried again later: the service can do without for a while.
        """
        self._restart = None
        if not self._marks.are_kept:
            return
        try:
            self._spawn()
        except OSError as error:
            self._log.warning("guardian.failed", error=error.strerror)
            self._restart_later()

    async def close(self, *, is_needed: bool) -> None:
        """Let it see the end of the service, and wait until it is gone. Idempotent.

        Args:
            is_needed: Whether something of the service may be left. If not, it is killed: nobody
                waits until it has found nothing, or until it has started in the first place.
        """
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        self._drop_lifeline()
        if self._pidfd >= 0 and not is_needed:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await self._ended.wait()
        except TimeoutError:
            # It fights something that we could not end either.
            self._forget()

    def _spawn(self) -> None:
        theirs, self._lifeline = os.pipe()
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", "-c", _PROGRAM, *self._told()],
                {},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigmask=_BLOCKED,
            )
        except OSError:
            self._drop_lifeline()
            raise
        finally:
            os.close(theirs)
        self._reaper.announce(self._pid)
        self._pidfd = os.pidfd_open(self._pid)
        self._ended.clear()
        self._loop.add_reader(self._pidfd, self._reap)

    def _told(self) -> tuple[str, ...]:
        return _PACKAGES, str(self._marks.family), self._group

    def _reap(self) -> None:
        if self._pid is None or os.waitpid(self._pid, os.WNOHANG)[0] == 0:
            return
        self._reaper.forget(self._pid)
        self._forget()
        if self._lifeline >= 0:
            self._drop_lifeline()
            self._log.warning("guardian.failed", error="it was killed")
            self._restart_later()

    def _restart_later(self) -> None:
        self._restart = self._loop.call_later(self._restart_s, self.start)
        self._restart_s = min(2 * self._restart_s, MAX_RESTART_S)

    def _forget(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        self._pid, self._pidfd = None, -1
        self._ended.set()

    def _drop_lifeline(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
