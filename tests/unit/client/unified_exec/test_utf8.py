"""Where UTF-8 may be cut."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.unified_exec.core.utf8 import boundary_after, boundary_before, complete_bytes


@given(st.text(), st.integers(min_value=0))
def test_what_is_complete_is_text_and_the_rest_begins_a_character(text: str, cut: int) -> None:
    data = text.encode()
    data = data[: cut % (len(data) + 1)]
    complete = complete_bytes(data)
    assert data[:complete].decode() == codecs.getincrementaldecoder("utf-8")().decode(data)


@given(st.binary())
def test_of_any_bytes_at_most_three_wait_for_more(data: bytes) -> None:
    assert len(data) - 3 <= complete_bytes(data) <= len(data)


@given(st.text(), st.integers(min_value=0))
def test_a_boundary_is_as_near_as_there_is_one(text: str, index: int) -> None:
    data = text.encode()
    index %= len(data) + 1
    places = {len(text[:count].encode()) for count in range(len(text) + 1)}
    assert boundary_before(data, index) == max(place for place in places if place <= index)
    assert boundary_after(data, index) == min(place for place in places if place >= index)


@pytest.mark.parametrize("data", [b"\x80" * 9, b"\xff\xfe", b"\xe2", b""])
def test_what_is_no_text_may_be_cut_anywhere(data: bytes) -> None:
    for index in range(len(data) + 1):
        assert 0 <= boundary_before(data, index) <= index <= boundary_after(data, index)
        assert boundary_after(data, index) <= len(data)
