"""Messages of a peer, which takes turns with others and has to take its answers."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

TURN_S = 0.002
"""How long messages of one peer are handed on before everybody else has their turn: a start takes a
quarter of it, and who sends hundreds at once must not keep others waiting for all of them."""

CROWDED_BYTES = 64 * 1024
"""With so much waiting, no more should be read."""


class Inbox:
    """Hands messages on in order, for a turn at a time and while there is room for their answers.

    What waits is not more than `CROWDED_BYTES` and what the system reads at once, a few hundred
    KiB, or one message.

    Args:
        deliver: Gets each message.
        is_full: Whether too much is on its way to the peer. Once that is over, `go_on` has to be
            called.
        on_turn: Called after each turn in which messages that waited were handed on.
    """

    def __init__(
        self,
        deliver: Callable[[bytes], None],
        *,
        is_full: Callable[[], bool],
        on_turn: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._is_full = is_full
        self._on_turn = on_turn
        self._messages: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._turn_ends_s = 0.0
        self._is_turn_due = False

    @property
    def is_crowded(self) -> bool:
        """Whether so much waits that no more should be read for now."""
        return self._waiting_bytes > CROWDED_BYTES

    def begin_turn(self) -> None:
        """Note that the loop gives time to the peer, from now on."""
        self._turn_ends_s = time.monotonic() + TURN_S

    def put(self, message: bytes) -> None:
        """Hand a message on, or keep it for a later turn."""
        if self._messages or self._is_full() or time.monotonic() >= self._turn_ends_s:
            self._messages.append(message)
            self._waiting_bytes += len(message)
            self.go_on()
        else:
            self._deliver(message)

    def go_on(self) -> None:
        """Hand on what waits, from the next turn of the loop on, as far as there is room."""
        if self._messages and not self._is_turn_due and not self._is_full():
            self._is_turn_due = True
            self._loop.call_soon(self._take_turn)

    def finish(self) -> None:
        """Hand on all that waits: the peer is gone, but what it said holds."""
        while self._messages:
            self._hand_on()

    def _take_turn(self) -> None:
        self._is_turn_due = False
        self.begin_turn()
        while self._messages and not self._is_full():
            self._hand_on()
            if time.monotonic() >= self._turn_ends_s:
                break
        self.go_on()
        self._on_turn()

    def _hand_on(self) -> None:
        message = self._messages.popleft()
        self._waiting_bytes -= len(message)
        self._deliver(message)
