"""What a command wrote since somebody last looked."""

from collections.abc import Sequence

import msgspec

from telexec_client.unified_exec.core.bounds import BUFFER_BYTES
from telexec_client.unified_exec.core.head_tail import HeadTailBuffer
from telexec_client.unified_exec.core.utf8 import complete_bytes
from telexec_schemas.process import Stream

MAX_GAPS = 64
"""How many gaps between two excerpts are told apart; the rest is added to the last one."""


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
        return _sum(self.gaps)


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
        self._gaps: list[_Gap] = []

    @property
    def unread_bytes(self) -> int:
        """How much has come since the last excerpt."""
        return self._buffer.total_bytes + sum(map(len, self._begun.values()))

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
        offset = self._buffer.total_bytes
        if self._gaps and (self._gaps[-1].offset == offset or len(self._gaps) == MAX_GAPS):
            before = self._gaps.pop()
            lost_bytes = _sum([before.lost_bytes, lost_bytes])
            offset = before.offset
        self._gaps.append(_Gap(offset, lost_bytes))

    def take(self, *, is_last: bool) -> Excerpt:
        """Return what has come since the last time; `is_last`: nothing follows."""
        if is_last:
            self._push_begun()
        total_bytes = self._buffer.total_bytes
        kept = self._buffer.take()
        tail_offset = total_bytes - len(kept.tail)
        gaps, self._gaps = self._gaps, []
        in_head = [gap for gap in gaps if gap.offset <= len(kept.head)]
        in_tail = [gap for gap in gaps[len(in_head) :] if gap.offset >= tail_offset]
        between = gaps[len(in_head) : len(gaps) - len(in_tail)]
        parts = _with_markers(kept.head, 0, in_head)
        if kept.omitted_bytes > 0:
            parts.append(_line(omission_marker(kept.omitted_bytes)))
        parts += [_line(loss_marker(gap.lost_bytes)) for gap in between]
        parts += _with_markers(kept.tail, tail_offset, in_tail)
        return Excerpt(
            b"".join(parts).decode("utf-8", "replace").encode(),
            total_bytes,
            kept.omitted_bytes,
            tuple(gap.lost_bytes for gap in gaps),
        )

    def _push_begun(self) -> None:
        for stream in list(self._begun):
            self._buffer.push(self._begun.pop(stream))


class _Gap(msgspec.Struct, frozen=True):
    """Output that is missing, and after how much it would have come."""

    offset: int
    lost_bytes: int | None


def _sum(lost: Sequence[int | None]) -> int | None:
    known = [lost_bytes for lost_bytes in lost if lost_bytes is not None]
    return sum(known) if len(known) == len(lost) else None


def _with_markers(output: bytes, first_offset: int, gaps: list[_Gap]) -> list[bytes]:
    """Return a part of the output, which begins at an offset, with a marker for each gap."""
    parts: list[bytes] = []
    done = 0
    for gap in gaps:
        place = gap.offset - first_offset
        parts += [output[done:place], _line(loss_marker(gap.lost_bytes))]
        done = place
    return [*parts, output[done:]]


def _line(marker: str) -> bytes:
    return f"\n{marker}\n".encode()
