"""When a writer is given time to write more."""

from hypothesis import given
from hypothesis import strategies as st

from telexec_service.core.gathering import GATHER_AFTER_BYTES, WORTH_BYTES, Gathering

PART_BYTES = 4096


def reads_until_a_pause(gathering: Gathering) -> int:
    """Read small parts, each all there was, and return how many came up to a pause."""
    reads = 1
    while not gathering.note_read(PART_BYTES, has_emptied=True):
        reads += 1
    return reads


def test_the_first_pause_is_after_much_output() -> None:
    assert reads_until_a_pause(Gathering()) == GATHER_AFTER_BYTES // PART_BYTES


def test_a_pause_follows_the_other_as_long_as_whole_pieces_come() -> None:
    gathering = Gathering()
    reads_until_a_pause(gathering)

    for _ in range(3):
        assert gathering.note_read(WORTH_BYTES, has_emptied=True)


def test_what_came_in_several_reads_counts_together() -> None:
    gathering = Gathering()
    reads_until_a_pause(gathering)

    assert not gathering.note_read(WORTH_BYTES, has_emptied=False)
    assert gathering.note_read(1, has_emptied=True)


def test_after_a_pause_that_gave_little_there_is_none_until_much_has_come_again() -> None:
    gathering = Gathering()
    reads_until_a_pause(gathering)

    assert not gathering.note_read(WORTH_BYTES - 1, has_emptied=True)
    assert reads_until_a_pause(gathering) == GATHER_AFTER_BYTES // PART_BYTES


@given(st.lists(st.integers(1, WORTH_BYTES - 1), max_size=200))
def test_one_message_after_the_other_waits_at_most_once_for_many(sizes: list[int]) -> None:
    gathering = Gathering()
    pauses = sum(gathering.note_read(size, has_emptied=True) for size in sizes)

    assert pauses <= sum(sizes) // GATHER_AFTER_BYTES


@given(st.lists(st.integers(1, 2**20), max_size=50))
def test_a_pipe_that_has_more_never_waits(sizes: list[int]) -> None:
    gathering = Gathering()

    assert not any(gathering.note_read(size, has_emptied=False) for size in sizes)
