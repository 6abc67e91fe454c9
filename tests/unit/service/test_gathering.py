"""When a writer is given time to write more."""

from hypothesis import given
from hypothesis import strategies as st

from telexec_service.core.gathering import SMALL_BYTES, SPAN_BYTES, Gathering

sizes = st.lists(st.integers(1, 2**20), max_size=200)


def test_one_pause_comes_after_so_much_in_small_parts() -> None:
    gathering = Gathering()
    pauses = [gathering.note_read(4096, has_emptied=True) for _ in range(2 * SPAN_BYTES // 4096)]

    assert pauses.count(True) == 2
    assert pauses[SPAN_BYTES // 4096 - 1]
    assert pauses[-1]


def test_parts_that_are_not_small_do_not_wait() -> None:
    gathering = Gathering()

    assert not any(gathering.note_read(SMALL_BYTES, has_emptied=True) for _ in range(100))


@given(sizes)
def test_a_pipe_that_has_more_never_waits(sizes: list[int]) -> None:
    gathering = Gathering()

    assert not any(gathering.note_read(size, has_emptied=False) for size in sizes)


@given(sizes)
def test_never_more_often_than_once_for_so_much(sizes: list[int]) -> None:
    gathering = Gathering()
    pauses = sum(gathering.note_read(size, has_emptied=True) for size in sizes)

    assert pauses <= sum(sizes) // SPAN_BYTES
