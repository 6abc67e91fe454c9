"""Unread output of one stream, in order, with the places where some is missing."""

from collections import deque

import msgspec

from telexec_schemas.process import Stream


class OutputPiece(msgspec.Struct, frozen=True):
    """A piece of output, as it came.

    Attributes:
        stream: Where it came from; a process on a PTY has `pty` only.
    """

    stream: Stream
    data: bytes


class Gap:
    """A place where output is missing; `lost_bytes` is `None` if nobody knows how much."""

    __slots__ = ("lost_bytes",)

    def __init__(self, lost_bytes: int | None) -> None:
        self.lost_bytes = lost_bytes

    def widen(self, lost_bytes: int | None) -> None:
        """Add to what is missing."""
        if self.lost_bytes is not None:
            self.lost_bytes = None if lost_bytes is None else self.lost_bytes + lost_bytes


class StreamQueue:
    """The unread output of one stream. Each entry has a number that orders it among all streams."""

    __slots__ = ("_entries", "unread_bytes")

    def __init__(self) -> None:
        self._entries: deque[tuple[int, OutputPiece | Gap]] = deque()
        self.unread_bytes = 0

    @property
    def first_number(self) -> int | None:
        """The number of the oldest entry; `None` if there is no entry."""
        return self._entries[0][0] if self._entries else None

    @property
    def newest(self) -> OutputPiece | Gap | None:
        """The newest entry."""
        return self._entries[-1][1] if self._entries else None

    def append(self, number: int, entry: OutputPiece | Gap) -> None:
        """Add the newest entry."""
        self._entries.append((number, entry))
        if isinstance(entry, OutputPiece):
            self.unread_bytes += len(entry.data)

    def prepend(self, number: int, entry: OutputPiece | Gap) -> None:
        """Add what is older than all other entries."""
        self._entries.appendleft((number, entry))
        if isinstance(entry, OutputPiece):
            self.unread_bytes += len(entry.data)

    def pop(self) -> OutputPiece | Gap:
        """Take out the oldest entry."""
        _, entry = self._entries.popleft()
        if isinstance(entry, OutputPiece):
            self.unread_bytes -= len(entry.data)
        return entry

    def clear(self) -> None:
        """Take out everything."""
        self._entries.clear()
        self.unread_bytes = 0

    def content(self) -> bytes:
        """Return all output in it, without taking it out."""
        return b"".join(entry.data for _, entry in self._entries if isinstance(entry, OutputPiece))

    def gaps(self) -> list[Gap]:
        """Return all gaps in it."""
        return [entry for _, entry in self._entries if isinstance(entry, Gap)]
