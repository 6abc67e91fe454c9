"""Making room where all processes together keep too much output in memory."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from telexec_service.core.counters import Counters
from telexec_service.core.host_memory import HostMemory
from telexec_service.processes.process import Process

PAUSE_S = 0.05
"""How long after one look the next one follows, while there is too much."""


class Relief:
    """Drops or spills what clients do not need, and lets processes wait until there is room.

    What goes first is what finished processes have, then what those have whose clients are away,
    and then the rest. What a client does not have yet stays, unless it asked to have it dropped.

    Args:
        in_order: Returns all processes, those first whose output goes first.
        log: A structlog logger, which is told once each time that there is too much.

    Attributes:
        memory: What processes ask whether there is room.
    """

    def __init__(
        self,
        limit_bytes: int,
        counters: Counters,
        log: Any,
        in_order: Callable[[], Iterable[Process]],
    ) -> None:
        self.memory = HostMemory(limit_bytes, counters, self._note_full)
        self._counters = counters
        self._log = log
        self._in_order = in_order
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_told = False

    def close(self) -> None:
        """Look no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        self._is_told = True

    def _note_full(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(PAUSE_S, self._relieve)
        if not self._is_told:
            self._is_told = True
            limit_bytes = self.memory.limit_bytes
            self._counters.add_limit("host_retained_bytes")
            self._log.warning("memory.full", limit_bytes=limit_bytes)

    def _relieve(self) -> None:
        self._timer = None
        for process in self._in_order():
            if not self.memory.is_full:
                break
            process.shrink()
        else:
            # Nothing more can go: who keeps what its client needs has to wait.
            self._regulate()
            return
        self._is_told = False
        self._regulate()

    def _regulate(self) -> None:
        for process in self._in_order():
            process.regulate()
