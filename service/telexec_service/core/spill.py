"""Output that no longer fits into memory, kept in a file of bounded size: which of it, and where.

The file is a ring of segments, each some pieces of output that follow each other. Where there is no
room for a new one, the oldest go. Reading and writing are somebody else's (`SpillStorage`).
"""

import struct
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Stream
from telexec_service.core.events import Output

_SKIPS = 64
"""So many attempts are left out after one that failed: a full disk does not empty at once."""

_HEADER = struct.Struct("!BI")
_STREAMS: tuple[Stream, ...] = ("stdout", "stderr", "pty")
_NUMBERS = {stream: number for number, stream in enumerate(_STREAMS)}


class StorageFailedError(Exception):
    """What was to be written or read is not there: the disk is full or broken."""


class SpillStorage(Protocol):
    """A file, and how much of it there may be."""

    def may_grow(self, size_bytes: int) -> bool:
        """Whether the file may become larger by so much; if so, that is taken from the quota."""
        ...

    def shrink(self, size_bytes: int) -> None:
        """Give back what `may_grow` took and nothing was written to."""
        ...

    def write(self, offset: int, content: bytes) -> None:
        """Write at an offset.

        Raises:
            StorageFailedError: It was not written, or only a part of it.
        """
        ...

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return what was written at an offset.

        Raises:
            StorageFailedError: It cannot be read.
        """
        ...


class _Segment(msgspec.Struct, frozen=True):
    """Pieces in the file, numbered from `first_seq` without a hole."""

    first_seq: int
    next_seq: int
    start: int
    end: int
    offset: int
    size_bytes: int


class Spill:
    """The spilled output of one process: the newest that memory does not hold.

    Args:
        capacity_bytes: How large the file may become.
    """

    def __init__(self, storage: SpillStorage, *, capacity_bytes: int) -> None:
        self._storage = storage
        self._capacity_bytes = capacity_bytes
        self._segments: deque[_Segment] = deque()
        self._file_bytes = 0
        self._write_offset = 0
        self._loaded: tuple[_Segment, tuple[Output, ...]] | None = None
        self._skips = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is spilled."""
        return not self._segments

    @property
    def first_seq(self) -> int:
        """The number of the oldest piece; only if it is not empty."""
        return self._segments[0].first_seq

    @property
    def first_byte(self) -> int:
        """The offset of the oldest byte, over all output; only if it is not empty."""
        return self._segments[0].start

    @property
    def output_bytes(self) -> int:
        """How much output is spilled."""
        return self._segments[-1].end - self._segments[0].start if self._segments else 0

    def put(self, pieces: Sequence[Output], pinned_byte: int) -> bool:
        """Take pieces that follow on those that it has; False if there is no room for them.

        What has to go for them, goes, but nothing from byte `pinned_byte` on.
        """
        if self._skips > 0:
            self._skips -= 1
            return False
        size_bytes = sum(len(piece.data) for piece in pieces) + _HEADER.size * len(pieces)
        for offset in dict.fromkeys((self._write_offset, 0)):
            end = offset + size_bytes
            doomed = self._in_the_way(offset, end)
            if end > self._capacity_bytes or (doomed and doomed[-1].end > pinned_byte):
                continue
            growth_bytes = max(0, end - self._file_bytes)
            if growth_bytes and not self._storage.may_grow(growth_bytes):
                continue
            for _ in doomed:
                self._drop_oldest()
            try:
                self._storage.write(offset, _packed(pieces))
            except StorageFailedError:
                self._storage.shrink(growth_bytes)
                self._skips = _SKIPS
                continue
            self._file_bytes += growth_bytes
            self._write_offset = end
            self._skips = 0
            self._segments.append(_segment(pieces, offset, size_bytes))
            return True
        return False

    def pieces_from(self, seq: int) -> tuple[Output, ...]:
        """Return spilled pieces from number `seq` on, not more than were put at once.

        None, if they are not here. If they cannot be read any more, they are dropped, with all
        that is older.
        """
        segment = self._segment_of(seq)
        if segment is None:
            return ()
        if self._loaded is None or self._loaded[0] is not segment:
            try:
                content = self._storage.read(segment.offset, segment.size_bytes)
            except StorageFailedError:
                while self._segments and self._segments[0].first_seq <= segment.first_seq:
                    self._drop_oldest()
                return ()
            self._loaded = segment, _unpacked(content, segment)
        return self._loaded[1][seq - segment.first_seq :]

    def clear(self) -> None:
        """Drop everything; the file is used anew from its start."""
        self._segments.clear()
        self._write_offset = 0
        self._loaded = None

    def _in_the_way(self, offset: int, end: int) -> list[_Segment]:
        """Return the oldest segments, as far as they have to go for one that is written there."""
        # A new lap: what is left of the last one is older than all of this one.
        is_new_lap = offset < self._write_offset
        doomed: list[_Segment] = []
        for segment in self._segments:
            is_left = is_new_lap and segment.offset >= self._write_offset
            if not (is_left or offset <= segment.offset < end):
                break
            doomed.append(segment)
        return doomed

    def _segment_of(self, seq: int) -> _Segment | None:
        segments = self._segments
        low, high = 0, len(segments)
        while low < high:
            middle = (low + high) // 2
            if segments[middle].next_seq <= seq:
                low = middle + 1
            else:
                high = middle
        return segments[low] if low < len(segments) and segments[low].first_seq <= seq else None

    def _drop_oldest(self) -> None:
        dropped = self._segments.popleft()
        if self._loaded is not None and self._loaded[0] is dropped:
            self._loaded = None


def _segment(pieces: Sequence[Output], offset: int, size_bytes: int) -> _Segment:
    first, last = pieces[0], pieces[-1]
    start = first.end - len(first.data)
    return _Segment(first.seq, last.seq + 1, start, last.end, offset, size_bytes)


def _packed(pieces: Sequence[Output]) -> bytes:
    parts: list[bytes] = []
    for piece in pieces:
        parts.append(_HEADER.pack(_NUMBERS[piece.stream], len(piece.data)))
        parts.append(piece.data)
    return b"".join(parts)


def _unpacked(content: bytes, segment: _Segment) -> tuple[Output, ...]:
    pieces: list[Output] = []
    position, end = 0, segment.start
    for seq in range(segment.first_seq, segment.next_seq):
        number: int
        number, size_bytes = _HEADER.unpack_from(content, position)
        position += _HEADER.size
        data = content[position : position + size_bytes]
        position += size_bytes
        end += size_bytes
        pieces.append(Output(Seq(seq), _STREAMS[number], data, end))
    return tuple(pieces)
