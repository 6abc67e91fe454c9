"""Output that is checked as it comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.workloads.fan_out import Arrivals
from benchmarks.workloads.pattern import Pattern
from benchmarks.workloads.workload import WrongOutputError

LINE = b"0123456789\n"


@given(st.integers(0, 5000), st.lists(st.integers(1, 700), max_size=30))
def test_output_is_right_however_it_is_cut(size: int, cuts: list[int]) -> None:
    output = (LINE * (size // len(LINE) + 1))[:size]
    pattern = Pattern(LINE)
    for cut in cuts:
        pattern.take(output[:cut])
        output = output[cut:]
    pattern.take(output)
    pattern.check_size(size)


def test_output_larger_than_what_is_compared_at_once_is_right() -> None:
    pattern = Pattern(LINE)
    pattern.take(LINE * 300_000)
    pattern.check_size(3_300_000)


@pytest.mark.parametrize("place", [0, 12, 2_500_000, 3_299_999])
def test_one_wrong_byte_is_found(place: int) -> None:
    output = bytearray(LINE * 300_000)
    output[place] ^= 1
    pattern = Pattern(LINE)
    pattern.take(bytes(output))
    with pytest.raises(WrongOutputError):
        pattern.check_size(3_300_000)


@pytest.mark.parametrize("output", [LINE[:-1], LINE + LINE[:1], b""])
def test_a_byte_too_few_or_too_many_is_found(output: bytes) -> None:
    pattern = Pattern(LINE)
    pattern.take(output)
    with pytest.raises(WrongOutputError):
        pattern.check_size(len(LINE))


def test_lines_that_come_in_pieces_are_put_together() -> None:
    arrivals = Arrivals()
    for piece in (b"1", b"2\n34\n5", b"6\n"):
        arrivals.take(piece)
    assert [written for written, _ in arrivals.lines()] == [12, 34, 56]
