"""Output that has come and was not read yet."""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakSet

import msgspec

from telexec_client.core.credit import CreditWindow
from telexec_client.errors import OutputGapError, TelexecError
from telexec_client.process.queue import Gap, OutputPiece, StreamQueue
from telexec_schemas.process import Stream

WINDOW_BYTES = 512 * 1024
"""How much unread output of one process is held while nobody waits for its end."""

UNREAD_LIMIT_BYTES = 64 * 1024 * 1024
"""Above this much unread output, what a process on a host without credit writes is dropped."""


class UnreadCounter(Protocol):
    """Is told about unread output of all processes together."""

    def count_unread(self, change_bytes: int) -> None:
        """Add to the unread output; less than 0 if it was read."""
        ...

    def count_waiting(self, change: int) -> None:
        """Add to those who wait; less than 0 if they do no more."""
        ...


class OutputSink(Protocol):
    """Takes output as it comes, on the event loop: it must not block."""

    def output(self, stream: Stream, data: bytes) -> None:
        """Take the next output."""
        ...

    def lost(self, lost_bytes: int | None) -> None:
        """Learn that output is missing here; `None` if nobody knows how much."""
        ...


class Claim(Protocol):
    """Somebody who goes through output: what it is there for is for nobody else."""

    @property
    def wants_stdout(self) -> bool:
        """Whether it is there for stdout, or for what a PTY shows."""
        ...

    @property
    def wants_stderr(self) -> bool:
        """Whether it is there for stderr."""
        ...


class CollectedOutput(msgspec.Struct, frozen=True):
    """Output that was not read piece by piece; `gaps` are the places where some is missing."""

    stdout: bytes
    stderr: bytes
    gaps: tuple[Gap, ...]

    @property
    def lost_bytes(self) -> int | None:
        """How much is missing in all; `None` if nobody knows."""
        known = [gap.lost_bytes for gap in self.gaps if gap.lost_bytes is not None]
        return sum(known) if len(known) == len(self.gaps) else None


class OutputBuffer:
    """Holds the output of one process until somebody reads it, within bounds.

    Who reads takes pieces out, and credit follows what was read. While somebody waits for the end
    of the process, more is held, so that the end can come.

    Args:
        credit: How much the host may push; `None`: the host knows no credit.
        announce: Tells the host a new credit.
        counter: Is told what is unread and who waits.
        merge_stderr: Take what comes from stderr for stdout.

    Attributes:
        program: What the process is called in errors.
    """

    def __init__(
        self,
        program: str,
        *,
        credit: CreditWindow | None,
        announce: Callable[[int], None],
        counter: UnreadCounter,
        merge_stderr: bool = False,
    ) -> None:
        self.program = program
        self._merges_stderr = merge_stderr
        self._credit = credit
        self._announce = announce
        self._counter = counter
        self._stdout = StreamQueue()
        self._stderr = StreamQueue()
        self._last_number = 0
        self._limit_bytes = UNREAD_LIMIT_BYTES
        self._holds: list[int] = []
        self._claims: WeakSet[Claim] = WeakSet()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._sink: OutputSink | None = None
        self._is_closed = False
        self._is_discarding = False
        self._failure: Callable[[], TelexecError] | None = None

    # What comes in.

    def output(self, stream: Stream, chunk: bytes) -> None:
        """Take a piece of output."""
        size_bytes = len(chunk)
        self._arrive(size_bytes)
        if self._merges_stderr and stream == "stderr":
            stream = "stdout"
        if self._is_discarding:
            self._grant(size_bytes)
        elif self._sink is not None:
            self._grant(size_bytes)
            self._sink.output(stream, chunk)
            self.wake()
        elif self._credit is None and self.unread_bytes + size_bytes > self._limit_bytes:
            self.lost(size_bytes)
        else:
            self._last_number += 1
            queue = self._stderr if stream == "stderr" else self._stdout
            queue.append(self._last_number, OutputPiece(stream, chunk))
            self._counter.count_unread(size_bytes)
            self.wake()

    def lost(self, lost_bytes: int | None) -> None:
        """Note that output is missing here; nobody knows of which stream."""
        if lost_bytes is not None:
            # It is behind us, as if it had come and been read.
            self._arrive(lost_bytes)
            self._grant(lost_bytes)
        if self._is_discarding:
            return
        if self._sink is not None:
            self._sink.lost(lost_bytes)
            self.wake()
            return
        newest = self._stdout.newest
        if isinstance(newest, Gap) and self._stderr.newest is newest:
            newest.widen(lost_bytes)
            return
        self._last_number += 1
        gap = Gap(lost_bytes)
        self._stdout.append(self._last_number, gap)
        self._stderr.append(self._last_number, gap)
        self.wake()

    def close(self) -> None:
        """Note that nothing more will come. Idempotent."""
        self._is_closed = True
        self.wake()

    def fail(self, failure: Callable[[], TelexecError]) -> None:
        """Note that nothing more can come, and why: readers are told once they have the rest."""
        if not self.is_over:
            self._failure = failure
            self.wake()

    def discard(self) -> None:
        """Drop what is unread and what is still to come. Idempotent."""
        self._is_discarding = True
        self._clear(self._stdout)
        self._clear(self._stderr)
        self.wake()

    def abandon(self, failure: Callable[[], TelexecError]) -> None:
        """Drop what is unread and what is still to come, of which readers are told why.

        Where all of it has come and was read, there is nothing to tell.
        """
        queues = (self._stdout, self._stderr)
        has_all = self._is_closed and all(it.first_number is None for it in queues)
        if self._failure is None and not has_all:
            self._failure = failure
        self.discard()

    def put_back(self, entries: Sequence[OutputPiece | Gap], *, stdout: bool, stderr: bool) -> None:
        """Put in front what was read and not used, the oldest first.

        Args:
            entries: What was read.
            stdout: Whether a gap was read from stdout.
            stderr: Whether a gap was read from stderr.
        """
        if self._is_discarding or self._sink is not None:
            return
        firsts = (self._stdout.first_number, self._stderr.first_number)
        number = min((it for it in firsts if it is not None), default=self._last_number + 1)
        for entry in reversed(entries):
            number -= 1
            if isinstance(entry, OutputPiece):
                (self._stderr if entry.stream == "stderr" else self._stdout).prepend(number, entry)
                self._count_read(-len(entry.data))
                continue
            if stdout:
                self._stdout.prepend(number, entry)
            if stderr:
                self._stderr.prepend(number, entry)
        self.wake()

    # What goes out.

    @property
    def unread_bytes(self) -> int:
        """How much was not read yet."""
        return self._stdout.unread_bytes + self._stderr.unread_bytes

    @property
    def unclaimed_bytes(self) -> int:
        """How much of it nobody is going through."""
        if self.unread_bytes == 0:
            return 0
        return sum(queue.unread_bytes for queue in self._unclaimed())

    @property
    def failure(self) -> Callable[[], TelexecError] | None:
        """Makes an error that says why nothing more can come, if something went wrong."""
        return self._failure

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come, for whatever reason."""
        return self._is_closed or self._failure is not None

    def deliver_to(self, sink: OutputSink) -> None:
        """Give `sink` all output at once, from what is unread on, and hold none any more."""
        while (entry := self._take(stdout=True, stderr=True)) is not None:
            if isinstance(entry, OutputPiece):
                sink.output(entry.stream, entry.data)
            else:
                sink.lost(entry.lost_bytes)
        self._sink = sink

    def claim(self, claim: Claim) -> None:
        """Leave output to `claim` for as long as it exists: dropping it is giving it up."""
        self._claims.add(claim)

    async def read(self, *, stdout: bool, stderr: bool) -> OutputPiece | None:
        """Return the next piece of the wanted streams, waiting for it; `None` at the end.

        Raises:
            OutputGapError: Output is missing before the next piece; reading can go on.
            TelexecError: Nothing more can come.
        """
        while True:
            entry = self._take(stdout=stdout, stderr=stderr)
            if isinstance(entry, OutputPiece):
                return entry
            if entry is not None:
                raise OutputGapError(self.program, entry.lost_bytes)
            if self._failure is not None:
                raise self._failure()
            if self._is_closed or self._is_discarding:
                return None
            await self.changed()

    async def changed(self) -> None:
        """Wait until something has come, or the process has ended.

        No deadline: a process may be silent for ever.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._counter.count_waiting(1)
        try:
            await waiter
        finally:
            self._counter.count_waiting(-1)
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def wake(self) -> None:
        """Let those who wait for a change look again."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    @contextmanager
    def holding(self, limit_bytes: int) -> Generator[None]:
        """Hold this much unread output for a while, so that the end can come without a reader."""
        self._holds.append(limit_bytes)
        self._apply_holds()
        try:
            yield
        finally:
            self._holds.remove(limit_bytes)
            self._apply_holds()

    def peek(self) -> CollectedOutput:
        """Return all output that nobody goes through, and leave it where it is."""
        queues = self._unclaimed()
        # A gap stands in both queues, and is one.
        gaps = {id(gap): gap for queue in queues for gap in queue.gaps()}
        return CollectedOutput(
            stdout=self._stdout.content() if self._stdout in queues else b"",
            stderr=self._stderr.content() if self._stderr in queues else b"",
            gaps=tuple(gaps.values()),
        )

    def collect(self) -> CollectedOutput:
        """Take out all output that nobody goes through."""
        collected = self.peek()
        for queue in self._unclaimed():
            self._clear(queue)
        return collected

    # Inside.

    def _apply_holds(self) -> None:
        # One byte more than is wanted tells too much from just enough.
        held_bytes = max(self._holds) + 1 if self._holds else None
        self._limit_bytes = max(held_bytes or 0, UNREAD_LIMIT_BYTES)
        if self._credit is not None:
            window_bytes = WINDOW_BYTES if held_bytes is None else held_bytes
            self._announce_if_due(self._credit.resize(window_bytes))

    def _unclaimed(self) -> list[StreamQueue]:
        claims = list(self._claims)
        queues: list[StreamQueue] = []
        if not any(claim.wants_stdout for claim in claims):
            queues.append(self._stdout)
        if not any(claim.wants_stderr for claim in claims):
            queues.append(self._stderr)
        return queues

    def _take(self, *, stdout: bool, stderr: bool) -> OutputPiece | Gap | None:
        first = self._stdout.first_number if stdout else None
        second = self._stderr.first_number if stderr else None
        if first is None and second is None:
            return None
        is_first = second is None or (first is not None and first <= second)
        entry = (self._stdout if is_first else self._stderr).pop()
        if isinstance(entry, OutputPiece):
            self._count_read(len(entry.data))
        elif first == second:
            self._stderr.pop()
        return entry

    def _clear(self, queue: StreamQueue) -> None:
        size_bytes = queue.unread_bytes
        queue.clear()
        if size_bytes > 0:
            self._count_read(size_bytes)

    def _count_read(self, size_bytes: int) -> None:
        self._counter.count_unread(-size_bytes)
        self._grant(size_bytes)

    def _arrive(self, size_bytes: int) -> None:
        if self._credit is not None:
            self._announce_if_due(self._credit.arrive(size_bytes))

    def _grant(self, size_bytes: int) -> None:
        if self._credit is not None:
            self._announce_if_due(self._credit.consume(size_bytes))

    def _announce_if_due(self, offset: int | None) -> None:
        if offset is not None:
            self._announce(offset)
