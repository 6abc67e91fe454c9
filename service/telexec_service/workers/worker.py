"""A worker: it serves the connections that the supervisor gives it, and does what that says."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from telexec_schemas.session import SessionList
from telexec_service.core.peer import Receiver
from telexec_service.core.session_lists import OthersLists
from telexec_service.core.tally import Tally
from telexec_service.observability.numbers import Numbers
from telexec_service.rpc.connection import Connection
from telexec_service.rpc.lobby import LateComer, Lobby
from telexec_service.stopping import StopRequest
from telexec_service.transport.arrival import Arrival
from telexec_service.transport.listener import Listener
from telexec_service.transport.relay import Doorway
from telexec_service.transport.websocket import WebSocketConnection
from telexec_service.workers.channel import Channel, ChannelError
from telexec_service.workers.list_file import write_list
from telexec_service.workers.messages import (
    AddUp,
    Arrived,
    Asked,
    Count,
    Counted,
    Message,
    PassOn,
    Ready,
    Reload,
    Reloaded,
    SaidList,
    SayList,
    Serve,
    Stop,
    Total,
)
from telexec_service.workers.others import Others

ADD_UP_TIMEOUT_S = 3.0
"""How long the supervisor has to add up the numbers; then those of this worker must do."""

MAX_ARRIVALS = 1024
"""How many connections may wait until this worker has time for them; more are closed."""


class Worker:
    """One of several; see `Front`.

    Args:
        order: What the supervisor wants served.
        endpoint: Leads to the supervisor.
        memory: What all workers share of their tallies.
        log: A structlog logger with the worker's number bound.
    """

    def __init__(self, order: Serve, endpoint: socket.socket, memory: memoryview, log: Any) -> None:
        self.slot: int | None = order.slot
        self.tally = Tally(memory, order.slot)
        self.stop = StopRequest()
        self._own_slot = order.slot
        self._workers = order.config.service.workers
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._listener: Listener | None = None
        self._reload: Callable[[], None] | None = None
        self._numbers: Callable[[], Numbers] | None = None
        self._sessions: Callable[[], SessionList] | None = None
        self._arrivals: asyncio.Queue[tuple[socket.socket, Arrival]] = asyncio.Queue(MAX_ARRIVALS)
        self._totals: set[asyncio.Future[Numbers]] = set()
        self._channel = Channel(endpoint, self._take, self.stop.hurry)
        slots = frozenset(range(self._workers)) - {order.slot}
        self._others = Others(slots, self._channel.send, log)

    @property
    def add_up(self) -> Callable[[], Awaitable[Numbers]] | None:
        """See `Front`."""
        return self._add_up

    @property
    def ask_others(self) -> Callable[[], Awaitable[OthersLists]] | None:
        """See `Front`."""
        return self._others.ask

    async def run(self) -> None:
        """Give connections to the listener in the order in which they came."""
        while True:
            endpoint, arrival = await self._arrivals.get()
            if self._listener is None:
                raise RuntimeError("a connection came before this worker said that it is ready")
            await self._listener.adopt(endpoint, arrival)

    async def open(
        self,
        listener: Listener,
        reload: Callable[[], None],
        numbers: Callable[[], Numbers],
        sessions: Callable[[], SessionList],
    ) -> None:
        """See `Front`."""
        self._listener, self._reload = listener, reload
        self._numbers, self._sessions = numbers, sessions
        self._log.info("worker.started", pid=os.getpid())
        self._channel.send(Ready())

    def welcome(
        self,
        connection: Connection,
        carrier: WebSocketConnection,
        arrival: Arrival,
        doorway: Doorway | None,
    ) -> Receiver:
        """See `Front`."""
        if doorway is None:
            return LateComer(connection, arrival.answered)
        door = doorway

        def pass_on(slot: int, answered: int) -> None:
            client = carrier.address
            descriptor = door.pass_on(carrier.let_go)
            if descriptor is None:
                carrier.close("cannot take a session up here: connect again, and say so first")
                return
            self._log.info("worker.passed_on", connection=arrival.number, to_worker=slot)
            try:
                self._channel.send(PassOn(slot, arrival.number, client, answered), descriptor)
            except ChannelError as error:
                # The other end is closed with that, and so is the connection.
                self._log.warning("worker.unreachable", error=str(error))

        return Lobby(
            connection, self._own_slot, self._workers, pass_on=pass_on, settle=doorway.settle
        )

    def stopping(self, drain_s: float, longest_s: float) -> None:
        """See `Front`: the supervisor says it."""

    def close(self) -> None:
        """See `Front`."""
        self._others.close()
        self._channel.close()
        while not self._arrivals.empty():
            self._arrivals.get_nowait()[0].close()

    def _take(self, message: Message, descriptor: int | None) -> None:
        match message:
            case Arrived() if descriptor is not None:
                arrival = Arrival(message.number, message.client, message.answered)
                self._receive(_socket(descriptor), arrival)
            case Reload() if self._reload is not None:
                self._reload()
                self._channel.send(Reloaded())
            case Stop():
                self.stop.take()
            case Count() if self._numbers is not None:
                self._channel.send(Counted(self._numbers()))
            case Total():
                for total in self._totals:
                    if not total.done():
                        total.set_result(message.numbers)
            case SayList() if self._sessions is not None:
                self._say_list(message, self._sessions())
            case Asked():
                self._others.take_asked(message)
            case SaidList():
                self._others.take_list(message, descriptor)
            case _:
                # Said before this worker was ready for it: what it is about is done anyway.
                pass

    def _say_list(self, wanted: SayList, listed: SessionList) -> None:
        said = SaidList(wanted.asker, self._own_slot, wanted.number)
        try:
            file = write_list(listed)
        except OSError as error:
            self._log.warning("worker.unlisted", error=error.strerror)
            self._channel.send(said)
        else:
            self._channel.send(said, file)

    def _receive(self, endpoint: socket.socket, arrival: Arrival) -> None:
        try:
            self._arrivals.put_nowait((endpoint, arrival))
        except asyncio.QueueFull:
            endpoint.close()
            self._log.warning("worker.overrun", connection=arrival.number)

    async def _add_up(self) -> Numbers:
        total: asyncio.Future[Numbers] = self._loop.create_future()
        self._totals.add(total)
        try:
            self._channel.send(AddUp())
            async with asyncio.timeout(ADD_UP_TIMEOUT_S):
                return await total
        except (TimeoutError, ChannelError):
            if self._numbers is None:
                raise
            return self._numbers()
        finally:
            self._totals.discard(total)


def _socket(descriptor: int) -> socket.socket:
    endpoint = socket.socket(fileno=descriptor)
    endpoint.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return endpoint
