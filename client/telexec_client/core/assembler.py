"""The events of one process, put in order, each once."""

from typing import Protocol

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import (
    OutputBatch,
    OutputChunk,
    OutputPushed,
    ProcessClosed,
    ProcessExited,
    Stream,
)

PushedEvent = OutputPushed | ProcessExited | ProcessClosed

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

    def exited(self, exit_code: int, signal: str | None, reason: str | None) -> None:
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

    def __init__(self, sink: EventSink, *, max_held_bytes: int) -> None:
        self._sink = sink
        self._next_seq = 1
        self._received_bytes = 0
        self._held: dict[int, PushedEvent] = {}
        self._held_bytes = 0
        self._max_held_bytes = max_held_bytes
        self._highest_seq = 0
        self._first_pushed_seq: int | None = None
        self._has_exited = False
        self._is_closed = False
        # A read says that the process has exited or is closed, but not at which number. Those
        # events explain a hole in the numbers each; any further hole is lost output.
        self._unplaced_ends = 0
        self._holes = 0

    @property
    def after_seq(self) -> Seq:
        """The number up to which everything was given to the sink."""
        return Seq(self._next_seq - 1)

    @property
    def received_bytes(self) -> int:
        """The offset in the output up to which everything was given to the sink, or was lost."""
        return self._received_bytes

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will come."""
        return self._is_closed

    @property
    def has_hole(self) -> bool:
        """Whether a later event was seen than the ones that could be given to the sink."""
        return self._highest_seq >= self._next_seq and not self._is_closed

    @property
    def has_met_pushes(self) -> bool:
        """Whether everything up to what was pushed since `attached` is there."""
        return self._first_pushed_seq is not None and self._next_seq >= self._first_pushed_seq

    def attached(self) -> None:
        """Begin anew with the pushes of another connection."""
        self._first_pushed_seq = None

    def push(self, event: PushedEvent) -> None:
        """Take an event as it was pushed."""
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

    def replay(self, batch: OutputBatch) -> None:
        """Take the answer to a read after `after_seq` (and, where granted, `received_bytes`)."""
        chunks = [chunk for chunk in batch.chunks if chunk.seq >= self._next_seq]
        self._note_lost(batch, len(chunks))
        for chunk in chunks:
            self._give(chunk)
        self._next_seq = max(self._next_seq, batch.next_seq)
        if batch.exited and not self._has_exited and batch.exit_code is not None:
            self._exit(batch.exit_code, batch.signal or None, batch.reason or None)
        # As long as a read still gives output, more of it may be there.
        if batch.closed and not batch.chunks:
            self._close()
        self._place_held()

    def give_up_hole(self) -> None:
        """Go on behind a hole that the host cannot fill: what was in it is lost."""
        if not self.has_hole:
            return
        self._next_seq = min(self._held, default=self._highest_seq + 1)
        self._sink.lost(None)
        self._place_held()

    def _note_lost(self, batch: OutputBatch, new_chunks: int) -> None:
        if isinstance(batch.lost, int):
            if batch.lost:
                self._received_bytes += batch.lost
                self._sink.lost(batch.lost)
            return
        self._holes += max(batch.next_seq - self._next_seq, 0) - new_chunks
        ends = (batch.exited and not self._has_exited) + (batch.closed and not self._is_closed)
        explained = self._unplaced_ends + ends
        if batch.exited and not self._has_exited:
            self._unplaced_ends += 1
        if batch.closed and not self._is_closed and not batch.chunks:
            self._unplaced_ends += 1
        if self._holes > explained:
            self._holes = explained
            self._sink.lost(None)

    def _hold(self, event: PushedEvent) -> None:
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

    def _place(self, event: PushedEvent) -> None:
        if isinstance(event, OutputPushed):
            self._give(event)
        elif isinstance(event, ProcessExited):
            if self._has_exited:
                self._unplaced_ends -= 1
            else:
                self._exit(event.exit_code, event.signal or None, event.reason or None)
        else:
            self._close()

    def _give(self, piece: OutputPushed | OutputChunk) -> None:
        if piece.chunk:
            self._received_bytes += len(piece.chunk)
            self._sink.output(piece.stream, piece.chunk)

    def _exit(self, exit_code: int, signal: str | None, reason: str | None) -> None:
        self._has_exited = True
        self._sink.exited(exit_code, signal, reason)

    def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._sink.closed()


def _cost_bytes(event: PushedEvent) -> int:
    return _EVENT_COST_BYTES + (len(event.chunk) if isinstance(event, OutputPushed) else 0)
