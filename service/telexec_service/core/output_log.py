"""What a process put out and how it ended, numbered: one log, any number of readers."""

from collections import deque
from collections.abc import Iterator

import msgspec

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Stream, Usage


class Output(msgspec.Struct, frozen=True, gc=False):
    """A piece of output. `end` is the offset of its last byte plus one, over all output."""

    seq: Seq
    stream: Stream
    data: bytes
    end: int


class Exited(msgspec.Struct, frozen=True):
    """The process is gone; `exit_code` is 128+N after death by signal N."""

    seq: Seq
    exit_code: int
    signal: str | None
    reason: str
    usage: Usage


class Closed(msgspec.Struct, frozen=True):
    """The last event: the output is closed and the exit is known."""

    seq: Seq


Event = Output | Exited | Closed


class Batch(msgspec.Struct, frozen=True):
    """What a reader got: pieces of output, and the number that the next read starts at."""

    pieces: tuple[Output, ...]
    next_seq: Seq


class OutputLog:
    """Events of one process, numbered from 1, of which the newest are retained.

    Args:
        capacity_bytes: How much output is retained.
        capacity_events: How many events are retained: a bound for output in tiny pieces.
    """

    def __init__(self, *, capacity_bytes: int, capacity_events: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.capacity_events = capacity_events
        self.total_bytes = 0
        self.exit: Exited | None = None
        self.is_closed = False
        self._events: deque[Event] = deque()
        self._next_seq = 1
        self._first_byte = 0

    @property
    def next_seq(self) -> Seq:
        """The number that the next event will get."""
        return Seq(self._next_seq)

    @property
    def first_seq(self) -> Seq:
        """The number of the oldest retained event; `next_seq` if there is none."""
        return Seq(self._next_seq - len(self._events))

    @property
    def first_byte(self) -> int:
        """The offset of the oldest retained byte: as many bytes were dropped."""
        return self._first_byte

    @property
    def retained_bytes(self) -> int:
        """How many bytes of output are retained."""
        return self.total_bytes - self._first_byte

    @property
    def retained_events(self) -> int:
        """How many events are retained."""
        return len(self._events)

    def append_output(self, stream: Stream, data: bytes) -> None:
        """Take a piece of output."""
        self.total_bytes += len(data)
        self._events.append(Output(Seq(self._next_seq), stream, data, self.total_bytes))
        self._next_seq += 1

    def append_exit(self, exit_code: int, signal: str | None, reason: str, usage: Usage) -> None:
        """Note how the process ended."""
        self.exit = Exited(self.next_seq, exit_code, signal, reason, usage)
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
        return self._events[-behind] if 0 < behind <= len(self._events) else None

    def events_after(self, seq: Seq) -> Iterator[Event]:
        """Yield the retained events newer than `seq`, oldest first."""
        for index in range(max(0, seq + 1 - self.first_seq), len(self._events)):
            yield self._events[index]

    def read(self, after_seq: Seq, max_bytes: int | None) -> Batch:
        """Return the retained output newer than `after_seq`, oldest first.

        Args:
            after_seq: 0 reads from the start.
            max_bytes: Budget in bytes; the first piece is returned even if it is larger.
        """
        pieces: list[Output] = []
        size = 0
        for event in self.events_after(after_seq):
            if not isinstance(event, Output):
                continue
            size += len(event.data)
            if pieces and max_bytes is not None and size > max_bytes:
                return Batch(tuple(pieces), Seq(pieces[-1].seq + 1))
            pieces.append(event)
        return Batch(tuple(pieces), self.next_seq)

    def trim(self, pinned_byte: int) -> None:
        """Drop the oldest output beyond the capacity, but none from byte `pinned_byte` on."""
        events = self._events
        while (
            self.total_bytes - self._first_byte > self.capacity_bytes
            or len(events) > self.capacity_events
        ) and len(events) > 1:
            oldest, following = events[0], events[1]
            # The newest output stays, however large: it must still reach a reader. So does the end.
            if not isinstance(oldest, Output) or not isinstance(following, Output):
                return
            if oldest.end > pinned_byte:
                return
            self._first_byte = oldest.end
            events.popleft()
