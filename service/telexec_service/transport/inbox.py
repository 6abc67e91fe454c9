"""Messages of a peer that has to take its answers before it gets more."""

from collections import deque
from collections.abc import Callable


class Inbox:
    """Hands messages on in order; while there is no room for answers, they wait.

    What waits is what the system had read before reading was paused: a few hundred KiB, or one
    message.

    Args:
        is_full: Whether too much is on its way to the peer.
    """

    def __init__(self, is_full: Callable[[], bool]) -> None:
        self._is_full = is_full
        self._messages: deque[bytes] = deque()

    @property
    def holds_any(self) -> bool:
        """Whether messages wait."""
        return bool(self._messages)

    def put(self, message: bytes, deliver: Callable[[bytes], None]) -> None:
        """Deliver a message, or keep it for `drain`."""
        if self._messages or self._is_full():
            self._messages.append(message)
        else:
            deliver(message)

    def drain(self, deliver: Callable[[bytes], None]) -> None:
        """Deliver what waits, as far as there is room for answers."""
        while self._messages and not self._is_full():
            deliver(self._messages.popleft())

    def clear(self) -> None:
        """Drop what waits."""
        self._messages.clear()
