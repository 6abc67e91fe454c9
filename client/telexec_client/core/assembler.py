"""The events of one process, put in order, each once."""

from typing import Protocol

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import (
    OutputBatch,
    OutputGap,
    OutputPushed,
    ProcessClosed,
    ProcessExited,
    Stream,
    Usage,
)

PushedEvent = OutputPushed | OutputGap | ProcessExited | ProcessClosed

_PlacedEvent = OutputPushed | ProcessExited | ProcessClosed

_EVENT_COST_BYTES = 256
"""What holding back an event takes besides its output, roughly."""


class EventSink(Protocol):
    """Gets the events of a process in order."""

    def output(self, stream: Stream, chunk: bytes) -> None:
        """Take the next piece of output; it is never empty."""
        ...

    def lost(self, lost_bytes: int | None) -> None:
        """Learn that output is missing here; `None` if nobody knows how much."""
        ...

    def exited(
        self, exit_code: int, signal: str | None, reason: str | None, usage: Usage | None
    ) -> None:
        """Learn how the process ended; output may still follow."""
        ...

    def closed(self) -> None:
        """Learn that nothing follows."""
        ...


class OutputAssembler:
    """Makes one sequence of what is pushed and what is read again after a lost connection.

    Events arrive by `push` as the host sends them and by `replay` as the answer to a read. What
    comes twice is dropped; what comes early is held back until the hole before it is filled, or,
    if that is too much, forgotten, because the host still has it to be read.
    """

    def __init__(
        self, sink: EventSink, *, max_held_bytes: int, after_seq: int = 0, after_bytes: int = 0
    ) -> None:
        self._sink = sink
        self._next_seq = after_seq + 1
        self._received_bytes = after_bytes
        self._part_bytes = 0
        self._held: dict[int, _PlacedEvent] = {}
        self._held_bytes = 0
        self._max_held_bytes = max_held_bytes
        self._highest_seq = 0
        self._first_pushed_seq: int | None = None
        self._read_from_seq = 1
        self._read_from_bytes = 0
        self._is_hole_older_than_read = False
        self._has_exited = False
        self._is_closed = False
        # A read says that the process has exited or is closed, but not at which number. Those
        # events explain a hole in the numbers each; any further hole is lost output.
        self._unplaced_ends = 0
        self._holes = 0

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will come."""
        return self._is_closed

    @property
    def has_hole(self) -> bool:
        """Whether a later event was seen than the ones that could be given to the sink."""
        return self._highest_seq >= self._next_seq and not self._is_closed

    @property
    def part_bytes(self) -> int:
        """How much was given to the sink already of the event that is the next one."""
        return self._part_bytes

    def attached(self) -> None:
        """Begin anew with the pushes of another connection."""
        self._first_pushed_seq = None

    def push(self, event: PushedEvent) -> None:
        """Take an event as it was pushed."""
        if isinstance(event, OutputGap):
            self._skip(event)
            return
        seq = event.seq
        if self._first_pushed_seq is None:
            self._first_pushed_seq = seq
        self._highest_seq = max(self._highest_seq, seq)
        if seq == self._next_seq:
            self._next_seq += 1
            self._place(event)
            if self._held:
                self._place_held()
        elif seq > self._next_seq:
            self._hold(event)

    def begin_read(self) -> tuple[Seq, int]:
        """Return where to read on: after which event, and after how many bytes of output."""
        self._read_from_seq = self._next_seq
        self._read_from_bytes = self._received_bytes
        self._is_hole_older_than_read = self.has_hole
        return Seq(self._next_seq - 1), self._received_bytes

    def replay(self, batch: OutputBatch) -> bool:
        """Take the answer to the read that `begin_read` began; return whether to read once more."""
        self._take_batch(batch)
        if self._is_closed:
            return False
        if batch.closed:
            # Only a read that gives no more output says that all of it was read.
            return True
        if not self.has_hole:
            # Once what is read meets what is pushed, the pushes bring the rest.
            first = self._first_pushed_seq
            return bool(batch.chunks) and (first is None or self._next_seq < first)
        is_no_further = (
            self._next_seq == self._read_from_seq and self._received_bytes == self._read_from_bytes
        )
        if self._is_hole_older_than_read and is_no_further:
            # The host does not have it, although it pushed what comes after it.
            self._give_up_hole()
        return self.has_hole

    def _skip(self, gap: OutputGap) -> None:
        if self._first_pushed_seq is None:
            self._first_pushed_seq = gap.next_seq
        self._highest_seq = max(self._highest_seq, gap.next_seq - 1)
        # Otherwise something before it is missing, or some of it was read: a read tells the rest.
        if gap.seq == self._next_seq and not self._part_bytes:
            self._next_seq = gap.next_seq
            self._received_bytes += gap.lost_bytes
            self._sink.lost(gap.lost_bytes)
            self._place_held()

    def _take_batch(self, batch: OutputBatch) -> None:
        chunks = [chunk for chunk in batch.chunks if chunk.seq >= self._next_seq]
        self._note_lost(batch, len(chunks))
        for chunk in chunks:
            self._give(chunk.stream, chunk.chunk)
        if batch.next_seq > self._next_seq:
            self._next_seq = batch.next_seq
            self._part_bytes = 0
        if chunks and chunks[-1].seq == batch.next_seq:
            # There is more of it.
            self._part_bytes += len(chunks[-1].chunk)
        if batch.exited and not self._has_exited and batch.exit_code is not None:
            self._exit(batch.exit_code, batch)
        # As long as a read still gives output, more of it may be there.
        if batch.closed and not batch.chunks:
            self._close()
        self._place_held()

    def _give_up_hole(self) -> None:
        self._next_seq = min(self._held, default=self._highest_seq + 1)
        self._part_bytes = 0
        self._sink.lost(None)
        self._place_held()

    def _note_lost(self, batch: OutputBatch, new_chunks: int) -> None:
        if isinstance(batch.lost, int):
            # Some of it may have been pushed since.
            lost_bytes = self._read_from_bytes + batch.lost - self._received_bytes
            if lost_bytes > 0:
                self._received_bytes += lost_bytes
                self._sink.lost(lost_bytes)
            return
        self._holes += max(batch.next_seq - self._next_seq, 0) - new_chunks
        ends = (batch.exited and not self._has_exited) + (batch.closed and not self._is_closed)
        explained = self._unplaced_ends + ends
        if batch.exited and not self._has_exited:
            self._unplaced_ends += 1
        if batch.closed and not self._is_closed and not batch.chunks:
            self._unplaced_ends += 1
        if self._holes > explained:
            # The ends come behind it: they are still there to explain what is missing then.
            self._holes = 0
            self._sink.lost(None)

    def _hold(self, event: _PlacedEvent) -> None:
        cost_bytes = _cost_bytes(event)
        if event.seq in self._held or self._held_bytes + cost_bytes > self._max_held_bytes:
            return
        self._held[event.seq] = event
        self._held_bytes += cost_bytes

    def _place_held(self) -> None:
        for seq in [seq for seq in self._held if seq < self._next_seq]:
            self._held_bytes -= _cost_bytes(self._held.pop(seq))
        while (event := self._held.pop(self._next_seq, None)) is not None:
            self._held_bytes -= _cost_bytes(event)
            self._next_seq += 1
            self._place(event)

    def _place(self, event: _PlacedEvent) -> None:
        part_bytes, self._part_bytes = self._part_bytes, 0
        if isinstance(event, OutputPushed):
            self._give(event.stream, event.chunk[part_bytes:] if part_bytes else event.chunk)
        elif isinstance(event, ProcessExited):
            if self._has_exited:
                self._unplaced_ends -= 1
            else:
                self._exit(event.exit_code, event)
        else:
            self._close()

    def _give(self, stream: Stream, chunk: bytes) -> None:
        if chunk:
            self._received_bytes += len(chunk)
            self._sink.output(stream, chunk)

    def _exit(self, exit_code: int, end: ProcessExited | OutputBatch) -> None:
        self._has_exited = True
        self._sink.exited(exit_code, end.signal or None, end.reason or None, end.usage or None)

    def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._sink.closed()


def _cost_bytes(event: _PlacedEvent) -> int:
    return _EVENT_COST_BYTES + (len(event.chunk) if isinstance(event, OutputPushed) else 0)
