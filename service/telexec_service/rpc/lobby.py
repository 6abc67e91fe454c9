"""Where a connection waits until it is clear which worker has its session."""

from collections.abc import Callable

import msgspec

from telexec_schemas import methods
from telexec_schemas.frame import MalformedFrameError, Request, parse_frame
from telexec_service.core.session_ids import slot_of
from telexec_service.rpc.connection import Connection


class Lobby:
    """Has a connection answer its peer unless that comes back for a session of another worker.

    Once the connection has a session, it takes its messages itself.

    Args:
        connection: Answers what is answered here.
        slot: Which worker this is.
        workers: How many there are.
        pass_on: Has the worker in a slot answer the peer from here on; it is told how many messages
            were answered.
        settle: Called once when the session is here.

    Attributes:
        on_message: Takes one message.
        on_writable: See `Receiver`.
        on_lost: See `Receiver`.
    """

    def __init__(
        self,
        connection: Connection,
        slot: int,
        workers: int,
        *,
        pass_on: Callable[[int, int], None],
        settle: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._slot = slot
        self._workers = workers
        self._pass_on = pass_on
        self._settle = settle
        self._answered = 0
        self.on_message: Callable[[bytes], None] = self._take
        self.on_writable = connection.on_writable
        self.on_lost = connection.on_lost

    def _take(self, payload: bytes) -> None:
        if self._connection.has_session:
            self.on_message = self._connection.on_message
            self._settle()
        elif (owner := _wanted_slot(payload)) is not None and self._is_another(owner):
            self._connection.withdraw()
            self._pass_on(owner, self._answered)
            return
        self._answered += 1
        self._connection.on_message(payload)

    def _is_another(self, owner: int) -> bool:
        return owner != self._slot and owner < self._workers


class LateComer:
    """Takes the messages of a connection that another worker had first, but those it answered.

    Args:
        connection: Answers the rest.
        answered: How many it answered.

    Attributes:
        on_message: Takes one message.
        on_writable: See `Receiver`.
        on_lost: See `Receiver`.
    """

    def __init__(self, connection: Connection, answered: int) -> None:
        self._connection = connection
        self._answered = answered
        self.on_message: Callable[[bytes], None] = self._take
        self.on_writable = connection.on_writable
        self.on_lost = connection.on_lost

    def _take(self, payload: bytes) -> None:
        if self._answered:
            self._answered -= 1
            return
        self.on_message = self._connection.on_message
        self._connection.on_message(payload)


def _wanted_slot(payload: bytes) -> int | None:
    """Return which worker has the session that a message is to resume, if it is such a message."""
    try:
        frame = parse_frame(payload)
        if not isinstance(frame, Request) or frame.method != methods.INITIALIZE.name:
            return None
        session_id = methods.INITIALIZE.decode_params(frame.params).resume_session_id
    except (MalformedFrameError, msgspec.DecodeError, UnicodeDecodeError):
        # Whoever answers says so.
        return None
    return None if session_id is None else slot_of(session_id)
