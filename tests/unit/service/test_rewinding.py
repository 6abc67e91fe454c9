"""Pushing again from any point on gives every byte from there, or a gap of the right size."""

from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Usage
from telexec_service.core.delivery import Delivery
from telexec_service.core.events import Closed, Exited, Gap, Output
from telexec_service.core.output_log import OutputLog

sizes = st.lists(st.integers(1, 60), max_size=40)


@given(
    before=sizes,
    behind=sizes,
    has_ended=st.booleans(),
    capacity_bytes=st.integers(1, 500),
    overflow=st.sampled_from(["pause", "drop"]),
    point=st.floats(0, 1),
)
def test_every_byte_after_the_point_is_pushed_or_counted(
    before: list[int],
    behind: list[int],
    has_ended: bool,
    capacity_bytes: int,
    overflow: str,
    point: float,
) -> None:
    log = OutputLog(capacity_bytes=capacity_bytes, capacity_events=1000)
    offsets = [0]

    def write(sizes: list[int]) -> None:
        for size in sizes:
            log.append_output("stdout", bytes((log.total_bytes + i) % 251 for i in range(size)))
            offsets.append(log.total_bytes)
            log.trim(log.total_bytes)

    write(before)
    if has_ended:
        log.append_exit(0, None, "exited", Usage(0, 0))
        offsets.append(log.total_bytes)
    write(behind)
    if has_ended:
        log.append_closed()
        offsets.append(log.total_bytes)
    log.trim(log.total_bytes)

    after_seq = round(point * (log.next_seq - 1))
    delivery = Delivery(log, credit_bytes=None, overflow="pause" if overflow == "pause" else "drop")
    delivery.rewind(after_seq, offsets[after_seq], credit_bytes=None)
    at, seq, ends = offsets[after_seq], after_seq + 1, 0
    while (event := delivery.next_event()) is not None:
        assert event.seq == seq
        if isinstance(event, Gap):
            assert event.lost_bytes >= 0
            at += event.lost_bytes
            seq = event.next_seq
        else:
            if isinstance(event, Output):
                assert event.data[0] == at % 251
                at += len(event.data)
            ends += isinstance(event, Exited | Closed)
            seq = event.seq + 1
        delivery.mark_sent(event)
    assert (at, seq) == (log.total_bytes, log.next_seq)
    assert delivery.has_sent_all
    if has_ended:
        exit_seq = len(before) + 1
        assert ends == (after_seq < exit_seq) + (after_seq < log.next_seq - 1)


def test_a_client_that_says_more_than_there_is_gets_nothing_twice() -> None:
    log = OutputLog(capacity_bytes=10, capacity_events=1000)
    for _ in range(5):
        log.append_output("stdout", b"12345678")
        log.trim(log.total_bytes)
    delivery = Delivery(log, credit_bytes=None)
    delivery.rewind(10**9, 10**9, credit_bytes=None)
    assert delivery.next_event() is None
    delivery.rewind(1, 10**9, credit_bytes=None)
    gap = delivery.next_event()
    assert isinstance(gap, Gap)
    assert (gap.seq, gap.next_seq, gap.lost_bytes) == (Seq(2), Seq(5), 0)
