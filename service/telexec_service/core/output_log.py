"""What a process put out and how it ended, numbered: one log, any number of readers."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

import msgspec

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Stream, Usage
from telexec_service.core.events import Closed, Event, Exited, Output
from telexec_service.core.spill import Spill

_BATCHES = 4
"""Memory is spilled by quarters of what it holds: few large writes instead of many small ones."""


class Batch(msgspec.Struct, frozen=True):
    """What a reader got: pieces of output, and the number that the next read starts at.

    `first_byte` is the offset of their first byte, over all output.
    """

    pieces: tuple[Output, ...]
    next_seq: Seq
    first_byte: int

    def lost_bytes(self, after_seq: Seq, after_bytes: int) -> int:
        """Return how much output is missing between `after_seq` and the pieces.

        Args:
            after_seq: What was read after.
            after_bytes: How much output there is up to there.
        """
        if not self.pieces or self.pieces[0].seq == after_seq + 1:
            return 0
        return max(0, self.first_byte - after_bytes)

    def part(self, after_seq: Seq, part_bytes: int, max_bytes: int | None) -> "Batch":
        """Return it without what the reader has of the first piece, and not more of that than fits.

        If that is not all of it, it is the only one, and the next read starts at its number again.

        Args:
            after_seq: What was read after.
            part_bytes: How much the reader has of the piece right after that.
            max_bytes: Budget in bytes; None: there is none.
        """
        if not self.pieces:
            return self
        first, *rest = self.pieces
        data = first.data[part_bytes:] if first.seq == after_seq + 1 else first.data
        first_byte = first.end - len(data)
        if max_bytes is None or len(data) <= max_bytes:
            whole = Output(first.seq, first.stream, data, first.end)
            return Batch((whole, *rest), self.next_seq, first_byte)
        # Nothing would bring nobody any further.
        data = data[: max(1, max_bytes)]
        begun = Output(first.seq, first.stream, data, first_byte + len(data))
        is_all = begun.end == first.end
        return Batch((begun,), Seq(first.seq + is_all), first_byte)


class OutputLog:
    """Events of one process, numbered from 1, of which the newest are retained.

    What falls out of memory is spilled, if there is a `spill`, and is otherwise dropped. How the
    process ended is never forgotten.

    Args:
        capacity_bytes: How much output is retained in memory.
        capacity_events: How many events are retained in memory: a bound for tiny pieces.
    """

    def __init__(
        self, *, capacity_bytes: int, capacity_events: int, spill: Spill | None = None
    ) -> None:
        self.capacity_bytes = capacity_bytes
        self.capacity_events = capacity_events
        self.total_bytes = 0
        self.exit: Exited | None = None
        self.exit_byte = 0
        self.is_closed = False
        self._spill = spill
        self._events: deque[Event] = deque()
        self._next_seq = 1
        self._memory_byte = 0

    @property
    def has_spill(self) -> bool:
        """Whether what falls out of memory is spilled."""
        return self._spill is not None

    @property
    def next_seq(self) -> Seq:
        """The number that the next event will get."""
        return Seq(self._next_seq)

    @property
    def first_seq(self) -> Seq:
        """The number of the oldest retained event; `next_seq` if there is none."""
        if self._spill is not None and not self._spill.is_empty:
            return Seq(self._spill.first_seq)
        return self.memory_seq

    @property
    def memory_seq(self) -> Seq:
        """The number of the oldest event in memory; `next_seq` if there is none."""
        return Seq(self._next_seq - len(self._events))

    @property
    def first_byte(self) -> int:
        """The offset of the oldest retained byte: as many bytes were dropped."""
        if self._spill is not None and not self._spill.is_empty:
            return self._spill.first_byte
        return self._memory_byte

    @property
    def memory_byte(self) -> int:
        """The offset of the oldest byte in memory."""
        return self._memory_byte

    @property
    def retained_bytes(self) -> int:
        """How many bytes of output are retained in memory."""
        return self.total_bytes - self._memory_byte

    @property
    def retained_events(self) -> int:
        """How many events are retained in memory."""
        return len(self._events)

    def append_output(self, stream: Stream, data: bytes) -> None:
        """Take a piece of output."""
        self.total_bytes += len(data)
        self._events.append(Output(Seq(self._next_seq), stream, data, self.total_bytes))
        self._next_seq += 1

    def append_exit(self, exit_code: int, signal: str | None, reason: str, usage: Usage) -> None:
        """Note how the process ended."""
        self.exit = Exited(self.next_seq, exit_code, signal, reason, usage)
        self.exit_byte = self.total_bytes
        self._events.append(self.exit)
        self._next_seq += 1

    def append_closed(self) -> None:
        """Note that nothing more comes."""
        self.is_closed = True
        self._events.append(Closed(self.next_seq))
        self._next_seq += 1

    def event(self, seq: Seq) -> Event | None:
        """Return a retained event, or None if it is dropped or not there yet."""
        behind = self._next_seq - seq
        if behind <= len(self._events):
            return self._events[-behind] if behind > 0 else None
        if self.exit is not None and seq == self.exit.seq:
            return self.exit
        pieces = () if self._spill is None else self._spill.pieces_from(seq)
        return pieces[0] if pieces else None

    def events_after(self, seq: Seq) -> Iterator[Event]:
        """Yield the retained events newer than `seq`, oldest first.

        It ends early where spilled output turns out to be lost: what is given of the output has no
        hole.
        """
        at, last = seq + 1, self._next_seq
        is_begun = False
        while at < last:
            event = self.event(Seq(at))
            if event is not None:
                yield event
                at, is_begun = at + 1, is_begun or isinstance(event, Output)
            elif is_begun:
                return
            else:
                # Dropped, maybe just now, as it could not be read.
                at = max(at + 1, self.first_seq)

    def offset_of(self, seq: Seq) -> int | None:
        """Return how much output there was before an event; None if that is dropped."""
        event = self.event(seq)
        if isinstance(event, Output):
            return event.end - len(event.data)
        if isinstance(event, Exited):
            return self.exit_byte
        return self.total_bytes if event is not None or seq == self._next_seq else None

    def read(self, after_seq: Seq, max_bytes: int | None) -> Batch:
        """Return the retained output newer than `after_seq`, oldest first.

        Args:
            after_seq: 0 reads from the start.
            max_bytes: Budget in bytes; the first piece is returned even if it is larger. With a
                spill it is at most `capacity_bytes`.
        """
        if self._spill is not None:
            given = self.capacity_bytes if max_bytes is None else max_bytes
            max_bytes = min(given, self.capacity_bytes)
        pieces: list[Output] = []
        size = 0
        next_seq = max(after_seq + 1, 1)
        for event in self.events_after(after_seq):
            next_seq = event.seq + 1
            if not isinstance(event, Output):
                continue
            size += len(event.data)
            if pieces and max_bytes is not None and size > max_bytes:
                next_seq = pieces[-1].seq + 1
                break
            pieces.append(event)
        first_byte = pieces[0].end - len(pieces[0].data) if pieces else self.total_bytes
        return Batch(tuple(pieces), Seq(min(next_seq, self._next_seq)), first_byte)

    def trim(self, pinned_byte: int) -> None:
        """Spill or drop the oldest output beyond the capacity, but drop none from `pinned_byte` on.

        The newest output stays in memory, however large: it must still reach a reader.
        """
        if self._spill is not None:
            self._spill_oldest(self._spill, pinned_byte)
        events = self._events
        while (
            self.total_bytes - self._memory_byte > self.capacity_bytes
            or len(events) > self.capacity_events
        ):
            oldest = events[0]
            if isinstance(oldest, Output):
                if oldest.end > pinned_byte or oldest.end == self.total_bytes:
                    return
                if self._spill is not None:
                    # What is retained has no hole.
                    self._spill.clear()
                self._memory_byte = oldest.end
            elif isinstance(oldest, Closed):
                return
            events.popleft()

    def drop_output(self) -> None:
        """Drop all output, from wherever it is; how the process ended stays known."""
        if self._spill is not None:
            self._spill.clear()
        kept: deque[Event] = deque()
        while self._events and not isinstance(self._events[-1], Output):
            kept.appendleft(self._events.pop())
        self._events = kept
        self._memory_byte = self.total_bytes

    def shrink(self, pinned_byte: int) -> None:
        """Do the same as if nothing fitted into memory but the newest output."""
        capacity_bytes = self.capacity_bytes
        self.capacity_bytes = 0
        try:
            self.trim(pinned_byte)
        finally:
            self.capacity_bytes = capacity_bytes

    def _spill_oldest(self, spill: Spill, pinned_byte: int) -> None:
        # Half of the memory is enough with a file behind it, and leaves room for one that fails.
        while self._events and (
            self.retained_bytes * 2 >= self.capacity_bytes
            or len(self._events) * 2 >= self.capacity_events
        ):
            if isinstance(self._events[0], Exited):
                self._events.popleft()
                continue
            batch = self._oldest_batch()
            if not batch or not spill.put(batch, pinned_byte):
                return
            self._memory_byte = batch[-1].end
            for _ in batch:
                self._events.popleft()

    def _oldest_batch(self) -> list[Output]:
        batch: list[Output] = []
        room_bytes = self.capacity_bytes // _BATCHES
        room_events = max(1, self.capacity_events // _BATCHES)
        for event in islice(self._events, room_events):
            if not isinstance(event, Output) or event.end == self.total_bytes:
                break
            room_bytes -= len(event.data)
            if batch and room_bytes < 0:
                break
            batch.append(event)
        return batch
