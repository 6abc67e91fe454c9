"""What memory does not hold comes out of the file as it went in, or its loss is said exactly."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Stream, Usage
from telexec_service.core.delivery import Delivery
from telexec_service.core.events import Gap, Output
from telexec_service.core.output_log import OutputLog
from telexec_service.core.spill import Spill, StorageFailedError

STREAMS: tuple[Stream, ...] = ("stdout", "stderr")


class Disk:
    """A file in memory, whose disk may be full or broken for a while."""

    def __init__(self, quota_bytes: int = 10**9) -> None:
        self.content = bytearray()
        self.quota_bytes = quota_bytes
        self.taken_bytes = 0
        self.is_full = False
        self.is_broken = False

    def may_grow(self, size_bytes: int) -> bool:
        if self.taken_bytes + size_bytes > self.quota_bytes:
            return False
        self.taken_bytes += size_bytes
        return True

    def shrink(self, size_bytes: int) -> None:
        self.taken_bytes -= size_bytes

    def write(self, offset: int, content: bytes) -> None:
        end = offset + len(content)
        if self.is_full and end > len(self.content):
            # As a real one, it takes what fits.
            self.content[offset:] = content[: len(self.content) - offset]
            raise StorageFailedError("the disk is full")
        self.content.extend(bytes(max(0, end - len(self.content))))
        self.content[offset:end] = content

    def read(self, offset: int, size_bytes: int) -> bytes:
        if self.is_broken:
            raise StorageFailedError("the disk is broken")
        return bytes(self.content[offset : offset + size_bytes])


def content_at(start: int, size: int) -> bytes:
    return bytes((start + i) % 251 for i in range(size))


class Retention(RuleBasedStateMachine):
    """A process that writes, a reader that comes when it likes, and a disk with its moods."""

    @initialize(
        capacity=st.integers(1, 400),
        events=st.integers(2, 60),
        file_bytes=st.integers(1, 1500),
        quota_bytes=st.integers(0, 1500),
    )
    def begin(self, capacity: int, events: int, file_bytes: int, quota_bytes: int) -> None:
        self.disk = Disk(quota_bytes)
        self.file_bytes = file_bytes
        self.capacity = capacity
        self.log = OutputLog(
            capacity_bytes=capacity,
            capacity_events=events,
            spill=Spill(self.disk, capacity_bytes=file_bytes),
        )
        self.pinned_byte = 0
        self.has_broken = False

    @rule(sizes=st.lists(st.integers(1, 120), min_size=1, max_size=12), is_stderr=st.booleans())
    def the_process_writes(self, sizes: list[int], *, is_stderr: bool) -> None:
        for size in sizes:
            data = content_at(self.log.total_bytes, size)
            self.log.append_output(STREAMS[is_stderr], data)
            self.log.trim(self.pinned_byte)

    @precondition(lambda self: self.log.exit is None)
    @rule()
    def the_process_exits(self) -> None:
        self.log.append_exit(0, None, "exited", Usage(0, 0))

    @rule(part=st.floats(0, 1))
    def some_of_it_is_needed_no_more(self, part: float) -> None:
        rest = self.log.total_bytes - self.pinned_byte
        self.pinned_byte += int(rest * part)
        self.log.trim(self.pinned_byte)

    @rule()
    def the_disk_fills_or_empties(self) -> None:
        self.disk.is_full = not self.disk.is_full

    @precondition(lambda self: self.disk.is_broken)
    @rule()
    def the_disk_is_mended(self) -> None:
        self.disk.is_broken = False

    @rule(after=st.integers(0, 60), budget=st.none() | st.integers(0, 500))
    def a_reader_reads_on_from_somewhere(self, after: int, budget: int | None) -> None:
        """Whatever is missing is said exactly, and what comes is what was written."""
        if after >= self.log.next_seq:
            return
        first = self.log.event(Seq(after))
        at_byte = first.end if isinstance(first, Output) else None
        if after == 0:
            at_byte = 0
        if at_byte is None:
            return
        while True:
            batch = self.log.read(Seq(after), budget)
            at_byte += batch.lost_bytes(Seq(after), at_byte)
            for piece in batch.pieces:
                assert piece.data == content_at(at_byte, len(piece.data))
                at_byte += len(piece.data)
                assert piece.end == at_byte
            if not batch.pieces:
                break
            after = batch.next_seq - 1
        assert at_byte == self.log.total_bytes
        assert batch.next_seq == self.log.next_seq

    @rule()
    def the_disk_breaks_and_what_it_had_is_a_gap(self) -> None:
        self.disk.is_broken = self.has_broken = True
        self.a_reader_reads_on_from_somewhere(0, None)

    @invariant()
    def nothing_pinned_is_gone_unless_the_disk_lost_it(self) -> None:
        if hasattr(self, "log") and not self.has_broken:
            assert self.log.first_byte <= self.pinned_byte

    @invariant()
    def the_file_keeps_to_its_quota(self) -> None:
        if hasattr(self, "log"):
            assert len(self.disk.content) <= min(self.file_bytes, self.disk.quota_bytes)
            assert self.disk.taken_bytes >= 0

    @invariant()
    def what_is_not_pinned_takes_no_more_memory_than_it_may(self) -> None:
        if hasattr(self, "log"):
            newest = min(120, self.log.total_bytes)
            pinned = self.log.total_bytes - max(self.pinned_byte, self.log.memory_byte)
            assert self.log.retained_bytes <= self.capacity + newest + pinned


TestRetention = Retention.TestCase


def filled(
    pieces: Sequence[bytes], *, capacity_bytes: int, file_bytes: int, pinned_byte: int = 10**9
) -> OutputLog:
    spill = Spill(Disk(), capacity_bytes=file_bytes)
    log = OutputLog(capacity_bytes=capacity_bytes, capacity_events=1000, spill=spill)
    for piece in pieces:
        log.append_output("stdout", piece)
        log.trim(pinned_byte)
    return log


def everything(log: OutputLog) -> bytes:
    content, after = b"", 0
    while (batch := log.read(Seq(after), None)).pieces:
        content += b"".join(piece.data for piece in batch.pieces)
        after = batch.next_seq - 1
    return content


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=60), st.integers(1, 300))
def test_a_file_with_room_for_all_loses_nothing(pieces: list[bytes], capacity_bytes: int) -> None:
    log = filled(pieces, capacity_bytes=capacity_bytes, file_bytes=10**6)

    assert everything(log) == b"".join(pieces)
    assert log.first_byte == 0


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1), st.integers(60, 500))
def test_a_full_file_keeps_the_newest(pieces: list[bytes], file_bytes: int) -> None:
    log = filled(pieces, capacity_bytes=100, file_bytes=file_bytes)

    assert everything(log) == b"".join(pieces)[log.first_byte :]


def test_what_a_client_does_not_have_yet_is_not_overwritten() -> None:
    log = filled([b"x" * 50] * 20, capacity_bytes=100, file_bytes=500, pinned_byte=0)

    assert log.first_byte == 0
    # What did not go into the file is in memory: the process has to wait.
    assert Delivery(log, credit_bytes=10**6).is_log_full


def test_a_process_need_not_wait_while_the_file_has_room() -> None:
    log = filled([b"x" * 50] * 20, capacity_bytes=100, file_bytes=10_000, pinned_byte=0)

    assert not Delivery(log, credit_bytes=0).is_log_full
    assert log.retained_bytes <= 100


@pytest.mark.parametrize("has_exited", [False, True])
def test_a_push_goes_on_after_a_gap_of_exactly_what_was_dropped(*, has_exited: bool) -> None:
    log = OutputLog(capacity_bytes=100, capacity_events=1000)
    delivery = Delivery(log, credit_bytes=None, overflow="drop")
    for number in range(20):
        if has_exited and number == 3:
            log.append_exit(0, None, "exited", Usage(0, 0))
        log.append_output("stdout", b"x" * 10)
        log.trim(delivery.pinned_byte)
        assert not delivery.is_log_full

    seen, lost = [], 0
    while (event := delivery.next_event()) is not None:
        delivery.mark_sent(event)
        if isinstance(event, Gap):
            lost += event.lost_bytes
        seen.append(type(event).__name__)
    assert seen == [*(["Gap", "Exited"] * has_exited), "Gap", *["Output"] * 10]
    assert lost == 100


def test_output_after_the_exit_is_bounded_too() -> None:
    log = OutputLog(capacity_bytes=100, capacity_events=10)
    log.append_exit(3, None, "exited", Usage(0, 0))
    for _ in range(100):
        log.append_output("stdout", b"x" * 50)
        log.trim(log.total_bytes)

    assert log.retained_bytes <= 100
    exit_event = log.event(Seq(1))
    assert exit_event is log.exit
