"""The last lines of output that goes by: pure."""

from collections import deque
from typing import NamedTuple

MAX_TAIL_BYTES = 16 * 1024 * 1024
"""How much is held of the last lines, however long they are."""


class Piece(NamedTuple):
    """A piece of output, of stdout or of stderr."""

    is_error: bool
    data: bytes


class OutputTail:
    """Holds the last lines of what is added, both streams together in the order they came.

    What follows the last line feed is a line, too.

    Args:
        max_lines: How many lines to hold.
        max_bytes: How much to hold of them; the first of them go when they are longer than that.
    """

    def __init__(self, max_lines: int, max_bytes: int = MAX_TAIL_BYTES) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._pieces: deque[Piece] = deque()
        self._held_bytes = 0
        self._line_feeds = 0

    @property
    def is_full(self) -> bool:
        """Whether there are as many lines as are to be held."""
        return self._line_feeds >= self._max_lines

    def add(self, piece: Piece) -> None:
        """Add what comes next."""
        if not piece.data or not self._max_lines:
            return
        self._pieces.append(piece)
        self._held_bytes += len(piece.data)
        self._line_feeds += piece.data.count(b"\n")
        while len(self._pieces) > 1 and self._is_first_needless():
            first = self._pieces.popleft().data
            self._held_bytes -= len(first)
            self._line_feeds -= first.count(b"\n")

    def take(self) -> list[Piece]:
        """Return the lines and hold nothing any more."""
        pieces, self._pieces = self._pieces, deque()
        # A line ends in a line feed: of one more than there are lines the first begins the tail.
        missing = self._max_lines
        if pieces and pieces[-1].data.endswith(b"\n"):
            missing += 1
        tail: deque[Piece] = deque()
        while pieces:
            piece = pieces.pop()
            count = piece.data.count(b"\n")
            if count >= missing:
                start = len(piece.data)
                for _ in range(missing):
                    start = piece.data.rindex(b"\n", 0, start)
                tail.appendleft(Piece(piece.is_error, piece.data[start + 1 :]))
                break
            missing -= count
            tail.appendleft(piece)
        self._held_bytes = self._line_feeds = 0
        return [it for it in tail if it.data]

    def _is_first_needless(self) -> bool:
        rest = self._line_feeds - self._pieces[0].data.count(b"\n")
        return rest > self._max_lines or self._held_bytes > self._max_bytes
