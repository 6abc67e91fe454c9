import asyncio
from collections.abc import Callable

import pytest

from telexec_client import errors
from telexec_client.core.credit import CreditWindow
from telexec_client.process.buffer import UNREAD_LIMIT_BYTES, WINDOW_BYTES, OutputBuffer
from telexec_client.process.reading import BytesIterator, PieceIterator
from telexec_schemas.process import Stream
from tests.harness.deadline import eventually, within

MIB = 1024 * 1024


class Counter:
    def __init__(self) -> None:
        self.unread_bytes = 0
        self.waiting = 0

    def count_unread(self, change_bytes: int) -> None:
        self.unread_bytes += change_bytes

    def count_waiting(self, change: int) -> None:
        self.waiting += change


def buffer_of(
    *, credit: bool = False, announce: Callable[[int], None] = lambda _: None
) -> tuple[OutputBuffer, Counter]:
    counter = Counter()
    window = CreditWindow(WINDOW_BYTES) if credit else None
    return OutputBuffer("prog", credit=window, announce=announce, counter=counter), counter


async def test_pieces_of_both_streams_come_in_the_order_they_were_written() -> None:
    buffer, counter = buffer_of()
    buffer.output("stdout", b"1")
    buffer.output("stderr", b"2")
    buffer.output("stdout", b"3")
    buffer.close()
    assert counter.unread_bytes == 3
    pieces = [(piece.stream, piece.data) async for piece in PieceIterator(buffer)]
    assert pieces == [("stdout", b"1"), ("stderr", b"2"), ("stdout", b"3")]
    assert counter.unread_bytes == 0


async def test_a_gap_is_told_once_to_who_reads_everything_and_to_each_who_reads_a_stream() -> None:
    buffer, _ = buffer_of()
    buffer.output("stdout", b"before")
    buffer.lost(5)
    buffer.lost(6)
    buffer.output("stdout", b"after")
    buffer.close()
    merged = PieceIterator(buffer)
    assert (await anext(merged)).data == b"before"
    with pytest.raises(errors.OutputGapError) as gap:
        await anext(merged)
    assert gap.value.lost_bytes == 11
    assert (await anext(merged)).data == b"after"
    with pytest.raises(StopAsyncIteration):
        await anext(merged)

    buffer, _ = buffer_of()
    buffer.lost(5)
    for is_stdout in (True, False):
        with pytest.raises(errors.OutputGapError):
            await anext(BytesIterator(buffer, is_stdout=is_stdout))


def test_a_gap_of_unknown_size_makes_all_of_it_unknown() -> None:
    buffer, _ = buffer_of()
    buffer.lost(5)
    buffer.output("stdout", b"x")
    buffer.lost(None)
    assert len(buffer.peek().gaps) == 2
    assert buffer.peek().lost_bytes is None


async def test_output_belongs_to_an_iterator_as_long_as_it_exists() -> None:
    buffer, _ = buffer_of()
    iterator = BytesIterator(buffer, is_stdout=True)
    buffer.output("stdout", b"claimed")
    buffer.output("stderr", b"free")
    collected = buffer.collect()
    assert (collected.stdout, collected.stderr) == (b"", b"free")
    assert await anext(iterator) == b"claimed"
    buffer.output("stdout", b"given up")
    del iterator
    assert buffer.collect().stdout == b"given up"


async def test_a_loop_that_is_left_gives_its_output_up() -> None:
    buffer, _ = buffer_of()
    buffer.output("stdout", b"taken")
    buffer.output("stdout", b"left")
    async for data in BytesIterator(buffer, is_stdout=True):
        assert data == b"taken"
        break
    assert buffer.collect().stdout == b"left"


async def test_a_reader_gets_what_there_is_before_it_learns_of_a_failure() -> None:
    buffer, _ = buffer_of()
    buffer.output("stdout", b"x")
    buffer.fail(errors.ClientClosedError)
    iterator = BytesIterator(buffer, is_stdout=True)
    assert await anext(iterator) == b"x"
    for _ in range(2):
        with pytest.raises(errors.ClientClosedError):
            await anext(iterator)


async def test_a_process_that_was_closed_does_not_fail_afterwards() -> None:
    buffer, _ = buffer_of()
    buffer.close()
    buffer.fail(errors.ClientClosedError)
    with pytest.raises(StopAsyncIteration):
        await anext(BytesIterator(buffer, is_stdout=True))


async def test_who_waits_is_counted_only_while_waiting() -> None:
    buffer, counter = buffer_of()
    reading = asyncio.ensure_future(buffer.read(stdout=True, stderr=True))
    await eventually(lambda: counter.waiting == 1)
    buffer.output("stdout", b"x")
    await reading
    assert counter.waiting == 0
    cancelled = asyncio.ensure_future(buffer.read(stdout=True, stderr=True))
    await eventually(lambda: counter.waiting == 1)
    cancelled.cancel()
    await asyncio.wait({cancelled})
    assert counter.waiting == 0


def test_credit_follows_what_was_read_and_what_was_lost() -> None:
    announced: list[int] = []
    buffer, _ = buffer_of(credit=True, announce=announced.append)
    buffer.output("stdout", bytes(WINDOW_BYTES))
    assert announced == []
    buffer.collect()
    assert announced == [2 * WINDOW_BYTES]
    buffer.lost(WINDOW_BYTES)
    assert announced == [2 * WINDOW_BYTES, 3 * WINDOW_BYTES]


def test_who_waits_for_the_end_lets_more_be_pushed() -> None:
    announced: list[int] = []
    buffer, _ = buffer_of(credit=True, announce=announced.append)
    with buffer.holding(8 * MIB), buffer.holding(2 * MIB):
        assert announced == []
        buffer.output("stdout", bytes(WINDOW_BYTES // 2))
        assert announced == [8 * MIB + 1]
    assert announced == [8 * MIB + 1]


def test_what_was_lost_counts_as_pushed_when_more_is_wanted() -> None:
    announced: list[int] = []
    buffer, _ = buffer_of(credit=True, announce=announced.append)
    buffer.lost(4 * WINDOW_BYTES)
    assert announced == [5 * WINDOW_BYTES]
    buffer.output("stdout", bytes(WINDOW_BYTES // 2))
    with buffer.holding(8 * MIB):
        assert announced[-1] == 4 * WINDOW_BYTES + 8 * MIB + 1


def test_output_that_is_dropped_still_counts_as_read() -> None:
    announced: list[int] = []
    buffer, counter = buffer_of(credit=True, announce=announced.append)
    buffer.output("stdout", bytes(WINDOW_BYTES))
    buffer.discard()
    buffer.output("stdout", bytes(WINDOW_BYTES))
    buffer.lost(1)
    assert announced[-1] == 3 * WINDOW_BYTES
    assert counter.unread_bytes == 0
    assert buffer.peek().gaps == ()


def test_without_credit_what_nobody_reads_is_dropped_above_a_bound_and_told() -> None:
    buffer, counter = buffer_of()
    piece = bytes(MIB)
    for _ in range(UNREAD_LIMIT_BYTES // MIB + 3):
        buffer.output("stdout", piece)
    assert counter.unread_bytes == UNREAD_LIMIT_BYTES
    assert buffer.peek().lost_bytes == 3 * MIB


def test_who_waits_for_more_than_the_bound_gets_more() -> None:
    buffer, counter = buffer_of()
    with buffer.holding(2 * UNREAD_LIMIT_BYTES):
        for _ in range(2 * UNREAD_LIMIT_BYTES // MIB):
            buffer.output("stdout", bytes(MIB))
    assert counter.unread_bytes == 2 * UNREAD_LIMIT_BYTES
    assert buffer.peek().gaps == ()


class Sink:
    def __init__(self) -> None:
        self.events: list[object] = []

    def output(self, stream: Stream, data: bytes) -> None:
        self.events.append((stream, data))

    def lost(self, lost_bytes: int | None) -> None:
        self.events.append(lost_bytes)


async def test_a_sink_gets_what_was_unread_and_what_comes_in_order() -> None:
    buffer, counter = buffer_of()
    buffer.output("stdout", b"1")
    buffer.lost(7)
    buffer.output("stderr", b"2")
    sink = Sink()
    buffer.deliver_to(sink)
    assert counter.unread_bytes == 0
    buffer.output("stdout", b"3")
    buffer.lost(None)
    expected = [("stdout", b"1"), 7, ("stderr", b"2"), ("stdout", b"3"), None]
    assert sink.events == expected
    assert (buffer.unread_bytes, counter.unread_bytes) == (0, 0)
    buffer.discard()
    buffer.output("stdout", b"4")
    buffer.lost(1)
    assert sink.events == expected


async def test_what_a_sink_gets_is_credited_at_once_and_wakes_who_waits_for_a_change() -> None:
    offsets: list[int] = []
    buffer, counter = buffer_of(credit=True, announce=offsets.append)
    buffer.deliver_to(Sink())
    for change in (
        lambda: buffer.output("stdout", b"x" * WINDOW_BYTES),
        lambda: buffer.lost(1),
        buffer.wake,
        buffer.close,
    ):
        waiting = asyncio.ensure_future(buffer.changed())
        await eventually(lambda: counter.waiting == 1)
        change()
        await within(waiting, what="the change")
    assert offsets[-1] >= 2 * WINDOW_BYTES
