"""Ending a process whose time is up."""

import asyncio
from collections.abc import Callable

STRAGGLER_S = 2.0
"""How long output may still come from a process that was ended, before it is given up."""

HOST_MARGIN_S = 10.0
"""How much later than the host we act where the host keeps the time itself."""

DEFAULT_KILL_GRACE_S = 5.0
"""What a host may take between TERM and KILL where nothing was said of it."""


class Deadline:
    """Acts when a process is not over in time; first asks for its end, then gives it up.

    Args:
        after_s: `None`: never.
    """

    def __init__(
        self,
        after_s: float | None,
        *,
        is_over: Callable[[], bool],
        end: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self._is_over = is_over
        self._end = end
        self._give_up = give_up
        self._has_passed = False
        self._timer: asyncio.TimerHandle | None = None
        if after_s is not None:
            self._timer = asyncio.get_running_loop().call_later(after_s, self._pass)

    @property
    def has_passed(self) -> bool:
        """Whether it had to act."""
        return self._has_passed

    def cancel(self) -> None:
        """Do nothing from now on. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def _pass(self) -> None:
        if self._is_over():
            return
        self._has_passed = True
        self._end()
        self._timer = asyncio.get_running_loop().call_later(STRAGGLER_S, self._give_up)


def client_deadline_s(
    timeout_s: float | None, kill_grace_s: float | None, *, host_keeps_time: bool
) -> float | None:
    """Return after which time we act ourselves; `None`: never."""
    if timeout_s is None or not host_keeps_time:
        return timeout_s
    grace_s = DEFAULT_KILL_GRACE_S if kill_grace_s is None else kill_grace_s
    return timeout_s + grace_s + HOST_MARGIN_S
