"""The wish that the service ends, and the signals that say it."""

import asyncio
import signal


class StopRequest:
    """Whether the service is to end; asked for once more, soon."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()
        self.is_urgent = asyncio.Event()

    @property
    def is_wanted(self) -> bool:
        """Whether the end was asked for."""
        return self._wanted.is_set()

    async def wait(self) -> None:
        """Return once the end is asked for."""
        await self._wanted.wait()

    def take(self) -> None:
        """Ask for the end; the second time, for a quick one."""
        if self._wanted.is_set():
            self.is_urgent.set()
        self._wanted.set()

    def hurry(self) -> None:
        """Ask for a quick end."""
        self._wanted.set()
        self.is_urgent.set()


class StopSignals(StopRequest):
    """SIGTERM and SIGINT ask for the end."""

    _NUMBERS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        for number in self._NUMBERS:
            self._loop.add_signal_handler(number, self.take)

    def close(self) -> None:
        """Ignore the signals from now on."""
        for number in self._NUMBERS:
            self._loop.remove_signal_handler(number)
            # One that comes now is late: the end is under way, and is to be a graceful one.
            signal.signal(number, signal.SIG_IGN)
