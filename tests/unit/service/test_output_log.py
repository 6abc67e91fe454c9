from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Usage
from telexec_service.core.events import Closed, Exited, Output
from telexec_service.core.output_log import OutputLog

pieces = st.lists(st.binary(min_size=1, max_size=50), max_size=40)


def filled(data: list[bytes], *, capacity_bytes: int = 1000, capacity_events: int = 100):
    log = OutputLog(capacity_bytes=capacity_bytes, capacity_events=capacity_events)
    for piece in data:
        log.append_output("stdout", piece)
    return log


def content(log: OutputLog, after: int = 0) -> bytes:
    return b"".join(piece.data for piece in log.read(Seq(after), None).pieces)


def test_events_of_all_kinds_are_numbered_from_one_without_a_hole() -> None:
    log = filled([b"a", b"b"])
    log.append_exit(0, None, "exited", Usage(0, 0))
    log.append_closed()

    assert [event.seq for event in log.events_after(Seq(0))] == [1, 2, 3, 4]
    assert log.next_seq == 5


@given(pieces, st.integers(0, 60))
def test_a_read_gives_what_came_after_a_number_and_the_next_one_goes_on_there(
    data: list[bytes], after: int
) -> None:
    log = filled(data)

    batch = log.read(Seq(after), None)

    assert b"".join(piece.data for piece in batch.pieces) == b"".join(data[after:])
    assert log.read(Seq(batch.next_seq - 1), None).pieces == ()


@given(pieces, st.integers(0, 100))
def test_reads_with_a_budget_give_everything_once_and_in_order(
    data: list[bytes], max_bytes: int
) -> None:
    log = filled(data)
    got, after = b"", 0

    while (batch := log.read(Seq(after), max_bytes)).pieces:
        size = sum(len(piece.data) for piece in batch.pieces)
        assert size <= max_bytes or len(batch.pieces) == 1
        got += b"".join(piece.data for piece in batch.pieces)
        after = batch.next_seq - 1

    assert got == b"".join(data)


@given(pieces, st.integers(0, 100))
def test_reads_of_parts_keep_the_budget_and_give_everything_once_and_in_order(
    data: list[bytes], max_bytes: int
) -> None:
    log = filled(data)
    got, after, part = b"", 0, 0

    while (batch := log.read(Seq(after), max_bytes).part(Seq(after), part, max_bytes)).pieces:
        size = sum(len(piece.data) for piece in batch.pieces)
        assert 0 < size <= max(max_bytes, 1)
        assert batch.first_byte == len(got)
        got += b"".join(piece.data for piece in batch.pieces)
        is_begun = batch.pieces[-1].seq == batch.next_seq
        part = part * (batch.next_seq == after + 1) + size if is_begun else 0
        after = batch.next_seq - 1

    assert got == b"".join(data)


def test_a_part_of_a_piece_that_is_gone_is_a_gap_of_the_rest_of_it() -> None:
    log = filled([b"x" * 500, b"y" * 500], capacity_bytes=600)
    log.trim(10_000)

    batch = log.read(Seq(0), None).part(Seq(0), 200, 100)

    assert batch.lost_bytes(Seq(0), 200) == 300
    assert [(piece.seq, piece.data) for piece in batch.pieces] == [(2, b"y" * 100)]
    assert batch.next_seq == 2


@given(pieces, st.integers(1, 200), st.integers(1, 20), st.integers(0, 2000))
def test_trimming_keeps_a_gapless_newest_part_and_all_that_is_pinned(
    data: list[bytes], capacity_bytes: int, capacity_events: int, pinned: int
) -> None:
    log = filled(data, capacity_bytes=capacity_bytes, capacity_events=capacity_events)
    everything = b"".join(data)

    log.trim(pinned)

    assert content(log) == everything[log.first_byte :]
    assert log.first_byte <= pinned or log.first_byte == 0
    if pinned >= len(everything) and data:
        assert log.retained_events <= max(capacity_events, 1)
        assert log.retained_bytes <= capacity_bytes or log.retained_events == 1


def test_the_newest_piece_stays_even_if_it_is_larger_than_the_log() -> None:
    log = filled([b"x" * 10, b"y" * 500], capacity_bytes=100)

    log.trim(10_000)

    assert content(log) == b"y" * 500
    assert log.first_seq == 2


def test_the_end_of_a_process_is_never_dropped_nor_its_newest_output() -> None:
    log = filled([b"x" * 500, b"y" * 500], capacity_bytes=10)
    log.append_exit(137, "SIGKILL", "terminated", Usage(0, 0))
    log.append_closed()

    log.trim(10_000)

    assert [type(event) for event in log.events_after(Seq(0))] == [Output, Exited, Closed]
    assert content(log) == b"y" * 500
    assert log.exit is not None
    assert log.exit.exit_code == 137


def test_a_dropped_or_future_event_is_not_there() -> None:
    log = filled([b"x" * 500, b"y" * 500], capacity_bytes=600)
    log.trim(10_000)

    assert log.event(Seq(1)) is None
    assert log.event(Seq(2)) is not None
    assert log.event(Seq(3)) is None


def test_what_is_dropped_altogether_leaves_the_end_and_the_numbers() -> None:
    log = OutputLog(capacity_bytes=100, capacity_events=10)
    log.append_output("stdout", b"before")
    log.append_exit(3, None, "exited", Usage(0, 0))
    log.append_output("stdout", b"behind")
    log.append_closed()
    log.drop_output()
    assert (log.retained_bytes, log.total_bytes, log.first_byte) == (0, 12, 12)
    assert log.read(Seq(0), None).pieces == ()
    assert [log.event(Seq(seq)) for seq in (1, 3)] == [None, None]
    assert log.event(Seq(2)) == log.exit
    assert log.event(Seq(4)) == Closed(Seq(4))
    assert log.next_seq == 5
