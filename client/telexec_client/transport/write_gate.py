"""Waiting until a transport takes more."""

import asyncio

HIGH_WATER_BYTES = 1024 * 1024
"""Above this much unsent data, senders wait."""


class WriteGate:
    """Opened and closed by the loop's transport, passed by those who want to send."""

    def __init__(self) -> None:
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._is_open_for_good = False

    def shut(self) -> None:
        """Make senders wait."""
        if not self._is_open_for_good:
            self._is_open.clear()

    def open(self) -> None:
        """Let senders pass."""
        self._is_open.set()

    def open_for_good(self) -> None:
        """Let senders pass from now on: there is nothing left to wait for."""
        self._is_open_for_good = True
        self._is_open.set()

    async def wait(self) -> None:
        """Return as soon as the gate is open."""
        await self._is_open.wait()
