"""A service that is one process: it listens itself and is told by signals."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from telexec_schemas.session import SessionList
from telexec_service import __version__
from telexec_service.core.peer import Receiver
from telexec_service.core.session_lists import OthersLists
from telexec_service.core.tally import Tally
from telexec_service.observability.numbers import Numbers
from telexec_service.rpc.connection import Connection
from telexec_service.stopping import StopSignals
from telexec_service.systemd import Systemd
from telexec_service.transport.address import Address
from telexec_service.transport.arrival import Arrival
from telexec_service.transport.listener import Listener, announce
from telexec_service.transport.relay import Doorway
from telexec_service.transport.websocket import WebSocketConnection


class Alone:
    """Listens at an address and says so on stdout and to systemd; see `Front`.

    Args:
        address: Where.
        told: The environment that the service was started with.
        log: A structlog logger.
    """

    def __init__(self, address: Address, told: Mapping[str, str], log: Any) -> None:
        self.slot = None
        self.tally = Tally.alone()
        self.stop = StopSignals()
        self._address = address
        self._log = log
        self._systemd = Systemd(told, log)
        self._reload: Callable[[], None] | None = None
        self._hangup = HangupSignal(self._take_hangup)

    @property
    def add_up(self) -> Callable[[], Awaitable[Numbers]] | None:
        """See `Front`."""
        return None

    @property
    def ask_others(self) -> Callable[[], Awaitable[OthersLists]] | None:
        """See `Front`."""
        return None

    async def run(self) -> None:
        """See `Front`."""
        await self._systemd.run()

    async def open(
        self,
        listener: Listener,
        reload: Callable[[], None],
        numbers: Callable[[], Numbers],
        sessions: Callable[[], SessionList],
    ) -> None:
        """See `Front`."""
        del numbers, sessions
        self._reload = reload
        url = await listener.open(self._address)
        self._log.info("service.started", version=__version__, url=url, pid=os.getpid())
        if url is not None:
            announce(url)
        self._systemd.ready(url)

    def welcome(
        self,
        connection: Connection,
        carrier: WebSocketConnection,
        arrival: Arrival,
        doorway: Doorway | None,
    ) -> Receiver:
        """Fail: nobody else accepts connections for this process."""
        del connection, carrier, arrival, doorway
        raise RuntimeError(f"a connection came to {self._address} that was not accepted there")

    def stopping(self, drain_s: float, longest_s: float) -> None:
        """See `Front`."""
        self._log.info("service.draining")
        self._systemd.stopping(drain_s, longest_s)

    def close(self) -> None:
        """See `Front`."""
        self._hangup.close()
        self.stop.close()

    def _take_hangup(self) -> None:
        if self._reload is None:
            return  # the files are only being read for the first time
        self._systemd.reloading()
        self._reload()
        self._systemd.reloaded()


class HangupSignal:
    """SIGHUP: asks for a reload, as of a daemon; the end of a terminal is no end of the service.

    Args:
        take: What it does.
    """

    def __init__(self, take: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGHUP, take)

    def close(self) -> None:
        """Ignore the signal from now on."""
        self._loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
