from hypothesis import given
from hypothesis import strategies as st

from telexec_client.core.line_splitter import LineSplitter, OverlongLine

pieces = st.lists(st.text(alphabet="ab\n\r", max_size=12).map(str.encode), max_size=12)


def split(data: list[bytes], max_line_bytes: int) -> list[bytes | OverlongLine]:
    splitter = LineSplitter(max_line_bytes)
    lines = [line for piece in data for line in splitter.feed(piece)]
    return lines + splitter.end()


@given(pieces)
def test_lines_are_those_of_the_whole_however_it_comes(data: list[bytes]) -> None:
    whole = b"".join(data)
    *ends, rest = whole.split(b"\n")
    assert split(data, 1000) == [end + b"\n" for end in ends] + ([rest] if rest else [])


@given(pieces, st.integers(1, 6))
def test_a_line_is_too_long_or_not_however_it_comes(data: list[bytes], limit: int) -> None:
    lines = split(data, limit)
    assert lines == split([b"".join(data)], limit)
    expected = [
        line if len(line.rstrip(b"\n")) <= limit else OverlongLine(line[:limit])
        for line in split(data, 1000)
        if isinstance(line, bytes)
    ]
    assert lines == expected


@given(pieces, st.integers(1, 6))
def test_no_more_is_held_than_a_line_may_have(data: list[bytes], limit: int) -> None:
    splitter = LineSplitter(limit)
    for piece in data:
        splitter.feed(piece)
        assert len(splitter.unfinished) <= limit
