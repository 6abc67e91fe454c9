"""What one process of the service has around it: who runs it, and how clients come to it."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from telexec_schemas.session import SessionList
from telexec_service.core.peer import Receiver
from telexec_service.core.session_lists import OthersLists
from telexec_service.core.tally import Tally
from telexec_service.observability.numbers import Numbers
from telexec_service.rpc.connection import Connection
from telexec_service.stopping import StopRequest
from telexec_service.transport.arrival import Arrival
from telexec_service.transport.listener import Listener
from telexec_service.transport.relay import Doorway
from telexec_service.transport.websocket import WebSocketConnection


class Front(Protocol):
    """The surroundings of one process of the service."""

    @property
    def slot(self) -> int | None:
        """Which worker it is; None: it is the whole service."""
        ...

    @property
    def tally(self) -> Tally:
        """What all workers have."""
        ...

    @property
    def stop(self) -> StopRequest:
        """Whether it is to end."""
        ...

    @property
    def add_up(self) -> Callable[[], Awaitable[Numbers]] | None:
        """What returns the numbers of all workers together; None: there is only this one."""
        ...

    @property
    def ask_others(self) -> Callable[[], Awaitable[OthersLists]] | None:
        """What returns the sessions of the other workers; None: there are none."""
        ...

    async def run(self) -> None:
        """Do what has to be done meanwhile, until it is cancelled."""
        ...

    async def open(
        self,
        listener: Listener,
        reload: Callable[[], None],
        numbers: Callable[[], Numbers],
        sessions: Callable[[], SessionList],
    ) -> None:
        """Have clients come to the listener, and say that they can.

        Args:
            listener: Takes them.
            reload: Reads files again.
            numbers: Returns the numbers of this process.
            sessions: Returns its sessions.

        Raises:
            ListenError: The address cannot be listened on.
        """
        ...

    def welcome(
        self,
        connection: Connection,
        carrier: WebSocketConnection,
        arrival: Arrival,
        doorway: Doorway | None,
    ) -> Receiver:
        """Return what receives an adopted connection's messages: it, or what stands before it."""
        ...

    def stopping(self, drain_s: float, longest_s: float) -> None:
        """Say that the end has begun, and how long it takes at most."""
        ...

    def close(self) -> None:
        """Take no more orders. Idempotent."""
        ...
