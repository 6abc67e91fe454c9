"""Waiting for children, so that none stays a zombie: given up ones, and those of others."""

import asyncio
import os
from collections.abc import Iterator

SWEEP_INTERVAL_S = 1.0
"""How long an orphan that has ended may stay a zombie."""

SWEEP_EXITS = 64
"""After so many ends of children orphans are looked for sooner: where processes are many, their
zombies count against limits."""

_ORPHANS_IN_A_ROW = 256
_RETRY_S = 0.01


class Reaper:
    """Owns children from the moment they are given up until they are gone.

    With `adopts_orphans` this process must be a child subreaper (prctl(2)), and every other child
    of it must be announced: what descends from a child and lost its parent is waited for here.
    """

    def __init__(self, *, adopts_orphans: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self._pids: dict[int, int] = {}
        self._own: dict[int, int | None] = {}
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._adopts_orphans = adopts_orphans
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._exits = 0

    @property
    def starts(self) -> Iterator[tuple[int, int | None]]:
        """Every announced child that nobody has waited for yet: its pid and its serial."""
        return iter(self._own.items())

    def announce(self, pid: int, serial: int | None = None) -> None:
        """Leave a child to whoever started it, until `forget`.

        Args:
            pid: Of the child.
            serial: What its mark says; None: it is no start.
        """
        self._own[pid] = serial
        if self._adopts_orphans and self._sweep_timer is None:
            self._sweep_timer = self._loop.call_later(SWEEP_INTERVAL_S, self._sweep)

    def forget(self, pid: int) -> None:
        """Note that whoever started a child has waited for it."""
        self._own.pop(pid, None)
        self._exits += 1
        if self._exits >= SWEEP_EXITS and self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep()

    def adopt(self, pid: int, pidfd: int) -> None:
        """Wait for a child that was killed; its pidfd belongs to the reaper from here on."""
        self._pids[pidfd] = pid
        self._is_empty.clear()
        self._loop.add_reader(pidfd, self._reap, pidfd)

    async def wait_until_empty(self) -> None:
        """Return once every adopted child is gone."""
        await self._is_empty.wait()

    def close(self) -> None:
        """Stop waiting: what has not died yet is left to init. Idempotent."""
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None
        self._adopts_orphans = False
        for pidfd in tuple(self._pids):
            self._drop(pidfd)

    def _reap(self, pidfd: int) -> None:
        pid, _status = os.waitpid(self._pids[pidfd], os.WNOHANG)
        if pid:
            self._drop(pidfd)
            self.forget(pid)

    def _drop(self, pidfd: int) -> None:
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        del self._pids[pidfd]
        if not self._pids:
            self._is_empty.set()

    def _sweep(self) -> None:
        """Wait for orphans that have ended, and for none of the children that others wait for."""
        self._exits = 0
        self._sweep_timer = None
        next_s = SWEEP_INTERVAL_S
        try:
            for _ in range(_ORPHANS_IN_A_ROW):
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if ended is None:
                    break
                if ended.si_pid in self._own:
                    # Its owner is about to wait for it; only then can be seen what is behind it.
                    next_s = _RETRY_S
                    break
                os.waitpid(ended.si_pid, os.WNOHANG)
            else:
                next_s = 0.0
        except ChildProcessError:
            # No children at all: the next start begins to look again.
            return
        self._sweep_timer = self._loop.call_later(next_s, self._sweep)
