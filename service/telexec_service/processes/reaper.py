"""Waiting for killed children that nobody asks about any more, so that none stays a zombie."""

import asyncio
import os


class Reaper:
    """Owns children from the moment they are given up until they are gone."""

    def __init__(self) -> None:
        self._pids: dict[int, int] = {}
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def adopt(self, pid: int, pidfd: int) -> None:
        """Wait for a child that was killed; its pidfd belongs to the reaper from here on."""
        self._pids[pidfd] = pid
        self._is_empty.clear()
        asyncio.get_running_loop().add_reader(pidfd, self._reap, pidfd)

    async def wait_until_empty(self) -> None:
        """Return once every adopted child is gone."""
        await self._is_empty.wait()

    def close(self) -> None:
        """Stop waiting: what has not died yet is left to init. Idempotent."""
        for pidfd in tuple(self._pids):
            self._drop(pidfd)

    def _reap(self, pidfd: int) -> None:
        pid, _status = os.waitpid(self._pids[pidfd], os.WNOHANG)
        if pid:
            self._drop(pidfd)

    def _drop(self, pidfd: int) -> None:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        del self._pids[pidfd]
        if not self._pids:
            self._is_empty.set()
