"""Noticing that the other side is gone when nothing says so."""

import asyncio
from collections.abc import Callable

CHECK_EVERY_S = 2.5

PING_AFTER_CHECKS = 2
"""After how many checks without a sign of life the other side is asked for one (5 s)."""

DEAD_AFTER_CHECKS = 6
"""After how many checks without a sign of life it is taken for dead (15 s).

Well within any useful lease. Checks are counted, not seconds: when it was we who were stopped for a
while, what the other side sent meanwhile is read before it is judged.
"""


class Keepalive:
    """Watches how long the other side has been silent.

    Args:
        ping: Asks for a sign of life.
        dead: Told once when none came.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ping: Callable[[], None], dead: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._ping = ping
        self._dead = dead
        self._last_heard = loop.time()
        self._silent_checks = 0
        self._is_paused = False
        self._timer = loop.call_later(CHECK_EVERY_S, self._check)

    @property
    def last_heard(self) -> float:
        """When the other side was last heard, by the loop's clock."""
        return self._last_heard

    def heard(self) -> None:
        """Note a sign of life."""
        self._last_heard = self._loop.time()
        self._silent_checks = 0

    def pause(self) -> None:
        """Judge nobody while we do not listen."""
        self._is_paused = True

    def resume(self) -> None:
        """Judge again, from now on."""
        self._is_paused = False
        self._silent_checks = 0

    def stop(self) -> None:
        """Watch no more. Idempotent."""
        self._timer.cancel()

    def _check(self) -> None:
        self._timer = self._loop.call_later(CHECK_EVERY_S, self._check)
        if self._is_paused:
            return
        self._silent_checks += 1
        if self._silent_checks >= DEAD_AFTER_CHECKS:
            self._timer.cancel()
            self._dead()
        elif self._silent_checks >= PING_AFTER_CHECKS:
            self._ping()
