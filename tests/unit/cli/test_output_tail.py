from hypothesis import example, given
from hypothesis import strategies as st

from telexec_client.cli.output_tail import OutputTail, Piece

PIECES = st.lists(
    st.tuples(st.booleans(), st.text("ab\n", min_size=1, max_size=12).map(str.encode))
)


@given(PIECES, st.integers(0, 8))
@example([(False, b"\n\n\n")], 2)
@example([(False, b"a"), (True, b"\nb")], 1)
def test_it_gives_the_last_lines_whatever_pieces_they_came_in(
    pieces: list[tuple[bool, bytes]], lines: int
) -> None:
    tail = OutputTail(lines)
    for piece in pieces:
        tail.add(Piece(*piece))
    whole = b"".join(data for _, data in pieces).splitlines(keepends=True)
    taken = tail.take()
    assert b"".join(it.data for it in taken) == b"".join(whole[-lines:] if lines else [])
    # What is left is of the streams that it came from.
    streams = [is_error for is_error, data in pieces for _ in data]
    kept = [it.is_error for it in taken for _ in it.data]
    assert kept == streams[len(streams) - len(kept) :]


def test_long_lines_do_not_fill_the_memory() -> None:
    tail = OutputTail(5, max_bytes=100)
    for _ in range(1000):
        tail.add(Piece(is_error=False, data=b"x" * 40))
    assert sum(len(it.data) for it in tail.take()) <= 140


def test_it_is_full_when_there_are_as_many_lines() -> None:
    tail = OutputTail(2)
    tail.add(Piece(is_error=False, data=b"a\nb"))
    assert not tail.is_full
    tail.add(Piece(is_error=False, data=b"\n"))
    assert tail.is_full
