"""How late the loop is: what keeps it busy keeps every client waiting."""

import asyncio

INTERVAL_S = 1.0
"""How often it is looked."""


class LoopLag:
    """Looks once a second by how much the loop missed its time.

    Attributes:
        last_s: By how much it was late the last time.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.last_s = 0.0
        self._timer = self._arm()

    def close(self) -> None:
        """Look no more. Idempotent."""
        self._timer.cancel()

    def _arm(self) -> asyncio.TimerHandle:
        due = self._loop.time() + INTERVAL_S
        return self._loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        self.last_s = max(0.0, self._loop.time() - due)
        self._timer = self._arm()
