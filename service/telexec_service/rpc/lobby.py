"""Where a connection waits until it is clear which worker has its session."""

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from telexec_schemas import methods
from telexec_schemas.frame import MalformedFrameError, Request, parse_frame
from telexec_schemas.lifecycle import Initialize
from telexec_service.core.session_ids import slot_of, slot_of_name, slot_to_look
from telexec_service.rpc.connection import Connection


class Lobby:
    """Has a connection answer its peer unless that wants a session of, or at, another worker.

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
        elif (owner := _wanted_slot(payload, self._workers)) is not None and owner != self._slot:
            self._connection.withdraw()
            self._pass_on(owner, self._answered)
            return
        self._answered += 1
        self._connection.on_message(payload)


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


def _wanted_slot(payload: bytes, workers: int) -> int | None:
    """Return which worker has the session that a message asks for, or is to make it.

    None: any will do.
    """
    try:
        frame = parse_frame(payload)
        if not isinstance(frame, Request) or frame.method != methods.INITIALIZE.name:
            return None
        return _slot_for(methods.INITIALIZE.decode_params(frame.params), workers)
    except (MalformedFrameError, msgspec.DecodeError, UnicodeDecodeError):
        # Whoever answers says so.
        return None


def _slot_for(wanted: Initialize, workers: int) -> int | None:
    """Return the same for `initialize`; a name leads to where its session is or is to be made."""
    wish = wanted.telexec
    if wanted.resume_session_id is not None:
        if wish is not UNSET and wish.attach is not UNSET:
            return slot_to_look(wanted.resume_session_id, workers)
        slot = slot_of(wanted.resume_session_id)
        return slot if slot is not None and slot < workers else None
    if wish is UNSET:
        return None
    if wish.session_name is not UNSET:
        return slot_of_name(wish.session_name, workers)
    return None if wish.beside is UNSET else slot_to_look(wish.beside, workers)
