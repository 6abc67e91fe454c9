"""The beginning and the end of more output than can be kept."""

from hypothesis import given
from hypothesis import strategies as st

from telexec_client.unified_exec.core.head_tail import BLOCK_BYTES, HeadTailBuffer

CAPACITIES = st.integers(0, 40)
TEXTS = st.lists(st.text(max_size=12), max_size=20)


def buffer_of(capacity_bytes: int, pieces: list[bytes]) -> HeadTailBuffer:
    buffer = HeadTailBuffer(capacity_bytes)
    for piece in pieces:
        buffer.push(piece)
    return buffer


@given(CAPACITIES, st.lists(st.binary(max_size=12), max_size=20))
def test_what_is_kept_and_what_is_omitted_is_all_there_was(
    capacity_bytes: int, pieces: list[bytes]
) -> None:
    everything = b"".join(pieces)
    kept = buffer_of(capacity_bytes, pieces).take()
    assert len(kept.head) + len(kept.tail) + kept.omitted_bytes == len(everything)
    assert everything.startswith(kept.head)
    assert everything.endswith(kept.tail)


@given(CAPACITIES, st.lists(st.binary(max_size=12), max_size=20))
def test_no_more_is_kept_than_half_of_the_capacity_each(
    capacity_bytes: int, pieces: list[bytes]
) -> None:
    kept = buffer_of(capacity_bytes, pieces).take()
    assert len(kept.head) <= capacity_bytes // 2
    assert len(kept.tail) <= capacity_bytes - capacity_bytes // 2


@given(CAPACITIES, TEXTS)
def test_no_character_is_cut_and_only_what_does_not_fit_is_omitted(
    capacity_bytes: int, texts: list[str]
) -> None:
    pieces = [text.encode() for text in texts]
    kept = buffer_of(capacity_bytes, pieces).take()
    kept.head.decode()
    kept.tail.decode()
    if kept.omitted_bytes > 0:
        # Only the rest of a character may be missing in either half.
        assert len(kept.head) > capacity_bytes // 2 - 4
        assert len(kept.tail) > capacity_bytes - capacity_bytes // 2 - 4


@given(CAPACITIES, st.lists(st.binary(max_size=12), max_size=10))
def test_what_fits_is_kept_as_it_is(spare_bytes: int, pieces: list[bytes]) -> None:
    everything = b"".join(pieces)
    kept = buffer_of(2 * len(everything) + spare_bytes, pieces).take()
    assert (kept.head, kept.tail, kept.omitted_bytes) == (everything, b"", 0)


@given(CAPACITIES, TEXTS, TEXTS)
def test_taking_it_out_begins_anew(
    capacity_bytes: int, before: list[str], after: list[str]
) -> None:
    buffer = buffer_of(capacity_bytes, [text.encode() for text in before])
    buffer.take()
    for text in after:
        buffer.push(text.encode())
    fresh = buffer_of(capacity_bytes, [text.encode() for text in after])
    assert buffer.take() == fresh.take()


def test_pieces_larger_than_it_and_tiny_ones_are_kept_alike() -> None:
    everything = bytes(range(256)) * 4096
    capacity_bytes = 3 * BLOCK_BYTES
    sizes = [1, 1000, BLOCK_BYTES, BLOCK_BYTES + 1, len(everything)]
    kept = [
        buffer_of(
            capacity_bytes,
            [everything[start : start + size] for start in range(0, len(everything), size)],
        ).take()
        for size in sizes
    ]
    for each in kept:
        assert everything.startswith(each.head)
        assert everything.endswith(each.tail)
        assert 0 <= capacity_bytes - len(each.head) - len(each.tail) <= 6
