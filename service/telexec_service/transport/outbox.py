"""What is on its way to a peer, whatever carries it."""

import asyncio
from collections.abc import Callable

CONGESTED_BYTES = 512 * 1024
"""With so much unsent, output waits: enough to keep a socket busy between two turns of the loop."""


class Outbox:
    """Gathers what is sent during one turn of the loop, and knows when output has to wait.

    Args:
        flush: Called once in the turn after something was added; it writes what `take` gives.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._flush = flush
        self._parts: list[bytes] = []
        self._is_flush_due = False
        self._was_congested = False
        self.size_bytes = 0
        self.is_blocked = False

    @property
    def is_congested(self) -> bool:
        """Whether output should wait until `is_relieved`."""
        if self.is_blocked or self.size_bytes >= CONGESTED_BYTES:
            self._was_congested = True
            return True
        return False

    def is_beyond(self, limit_bytes: int, written_bytes: int) -> bool:
        """Whether more is unsent than `limit_bytes`, with what was written already."""
        if self.size_bytes + written_bytes > limit_bytes:
            self._was_congested = True
            return True
        return False

    def add(self, size_bytes: int, *parts: bytes) -> None:
        """Queue parts of a message, of so many bytes; all of one turn leave in one write."""
        self._parts += parts
        self.size_bytes += size_bytes
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def take(self) -> list[bytes]:
        """Return what is queued, to be written now."""
        self._is_flush_due = False
        parts, self._parts, self.size_bytes = self._parts, [], 0
        return parts

    def is_relieved(self) -> bool:
        """Whether output that had to wait may go on; said once for each time that it had to."""
        relieved = self._was_congested and not self.is_blocked
        if relieved:
            self._was_congested = False
        return relieved
