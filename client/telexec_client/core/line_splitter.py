"""Cutting a stream into lines of bounded length."""

from msgspec import Struct


class OverlongLine(Struct, frozen=True):
    """A line that is longer than wanted: its start, as much as was wanted."""

    start: bytes


class LineSplitter:
    r"""Cuts one stream into lines, each with its `\n`; only the last one may have none.

    Args:
        max_line_bytes: The most that a line may have, not counting its end.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._is_overlong = False

    @property
    def unfinished(self) -> bytes:
        """What there is of a line whose end has not come."""
        return b"".join(self._parts)

    def feed(self, data: bytes) -> list[bytes | OverlongLine]:
        """Take what has come and return the lines that it completes."""
        lines: list[bytes | OverlongLine] = []
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._hold(end)
            lines.append(self._take(b"\n"))
        if rest:
            self._hold(rest)
        return lines

    def end(self) -> list[bytes | OverlongLine]:
        """Return the line whose end did not come, if there is one, and begin a new one."""
        return [self._take(b"")] if self._parts else []

    def _hold(self, part: bytes) -> None:
        room_bytes = self._max_line_bytes - self._held_bytes
        if len(part) > room_bytes:
            self._is_overlong = True
            part = part[:room_bytes]
        if part:
            self._parts.append(part)
            self._held_bytes += len(part)

    def _take(self, end: bytes) -> bytes | OverlongLine:
        held = b"".join(self._parts)
        line = OverlongLine(held) if self._is_overlong else held + end
        self._parts.clear()
        self._held_bytes = 0
        self._is_overlong = False
        return line
