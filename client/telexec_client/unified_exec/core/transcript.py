"""What a command wrote since somebody last looked."""

import msgspec

from telexec_client.unified_exec.core.bounds import BUFFER_BYTES
from telexec_client.unified_exec.core.head_tail import HeadTailBuffer
from telexec_client.unified_exec.core.utf8 import complete_bytes
from telexec_schemas.process import Stream


class Excerpt(msgspec.Struct, frozen=True):
    """What there was to see, and what there was not.

    Attributes:
        text: The output as UTF-8, valid, with a marker in each place where some is missing.
        total_bytes: How much the command wrote.
        omitted_bytes: How much of it did not fit in the buffer.
        gaps: For each place where output was lost on its way, how much; `None`: nobody knows.
    """

    text: bytes
    total_bytes: int
    omitted_bytes: int = 0
    gaps: tuple[int | None, ...] = ()

    @property
    def lost_bytes(self) -> int | None:
        """How much was lost in all; `None` if nobody knows."""
        known = [gap for gap in self.gaps if gap is not None]
        return sum(known) if len(known) == len(self.gaps) else None


def omission_marker(omitted_bytes: int) -> str:
    """Return what stands where output did not fit in the buffer."""
    return f"... {omitted_bytes} bytes omitted ..."


def loss_marker(lost_bytes: int | None) -> str:
    """Return what stands where output was lost on its way."""
    return f"... {'an unknown number of' if lost_bytes is None else lost_bytes} bytes lost ..."


class Transcript:
    """Gathers output of several streams in the order it comes, within `capacity_bytes`.

    A character that has come in part waits for its rest, also from one excerpt to the next.
    """

    def __init__(self, capacity_bytes: int = BUFFER_BYTES) -> None:
        self._buffer = HeadTailBuffer(capacity_bytes)
        self._begun: dict[Stream, bytes] = {}
        self._gaps: list[int | None] = []
        self._marker_bytes = 0

    @property
    def unread_bytes(self) -> int:
        """How much has come since the last excerpt."""
        return self._buffer.total_bytes - self._marker_bytes + sum(map(len, self._begun.values()))

    def output(self, stream: Stream, data: bytes) -> None:
        """Add the next output of a stream."""
        begun = self._begun.pop(stream, b"")
        if begun:
            data = begun + data
        end = complete_bytes(data)
        if end < len(data):
            self._begun[stream] = data[end:]
            data = data[:end]
        self._buffer.push(data)

    def lost(self, lost_bytes: int | None) -> None:
        """Note that output is missing here, `None`: nobody knows how much."""
        # What comes next is not the rest of what has begun.
        self._push_begun()
        self._gaps.append(lost_bytes)
        marker = f"\n{loss_marker(lost_bytes)}\n".encode()
        self._marker_bytes += len(marker)
        self._buffer.push(marker)

    def take(self, *, is_last: bool) -> Excerpt:
        """Return what has come since the last time; `is_last`: nothing follows."""
        if is_last:
            self._push_begun()
        total_bytes = self._buffer.total_bytes - self._marker_bytes
        kept = self._buffer.take()
        parts = [kept.head, kept.tail]
        if kept.omitted_bytes > 0:
            parts.insert(1, f"\n{omission_marker(kept.omitted_bytes)}\n".encode())
        text = b"".join(parts).decode("utf-8", "replace").encode()
        excerpt = Excerpt(text, total_bytes, kept.omitted_bytes, tuple(self._gaps))
        self._gaps.clear()
        self._marker_bytes = 0
        return excerpt

    def _push_begun(self) -> None:
        for stream in list(self._begun):
            self._buffer.push(self._begun.pop(stream))
