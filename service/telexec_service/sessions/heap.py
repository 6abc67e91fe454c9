"""Giving memory back to the system that sessions held."""

import asyncio

GIVE_BACK_AFTER_S = 3.0
"""How long after the end of a session; more that end until then are one with it.

It takes some milliseconds, in which nobody is served.
"""


class Heap:
    """Has the allocator give back what is free.

    Output is held in pieces too small for mappings of their own: what is freed of them stays the
    process's, as holes between what is still in use, until malloc_trim(3) is called.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def note_freed(self) -> None:
        """Give back, a little later, what has just been freed."""
        if self._timer is None:
            self._timer = self._loop.call_later(GIVE_BACK_AFTER_S, self._give_back)

    def close(self) -> None:
        """Give nothing back any more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_back(self) -> None:
        # At the start of the service nobody needs it.
        import ctypes  # noqa: PLC0415

        self._timer = None
        # The C libraries that lack it do without.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
