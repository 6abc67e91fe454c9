"""Binary frames, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.binary_frame import (
    HEADER_BYTES,
    InputFrame,
    OutputFrame,
    input_frame,
    is_binary,
    output_header,
    parse_input,
    parse_output,
)
from telexec_schemas.frame import MalformedFrameError
from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Stream

HANDLES = st.integers(0, 2**32 - 1)
NUMBERS = st.integers(0, 2**63 - 1)
STREAMS: st.SearchStrategy[Stream] = st.sampled_from(("stdout", "stderr", "pty"))


def test_the_layout_is_what_the_documentation_says() -> None:
    assert output_header(7, 258, "pty") == bytes.fromhex("01 02 0000 00000007 0000000000000102")
    assert (
        input_frame(7, 258, b"hi") == bytes.fromhex("02 00 0000 00000007 0000000000000102") + b"hi"
    )


@given(HANDLES, NUMBERS, STREAMS, st.binary())
def test_output_is_read_as_it_was_written(
    handle: int, seq: int, stream: Stream, data: bytes
) -> None:
    frame = output_header(handle, seq, stream) + data
    assert is_binary(frame)
    assert parse_output(frame) == OutputFrame(handle, Seq(seq), stream, data)
    assert parse_output(memoryview(frame)) == parse_output(bytearray(frame))


@given(HANDLES, NUMBERS, st.binary())
def test_input_is_read_as_it_was_written(handle: int, request_id: int, data: bytes) -> None:
    frame = input_frame(handle, request_id, data)
    assert is_binary(frame)
    assert parse_input(frame) == InputFrame(handle, request_id, data)


@given(st.binary(max_size=40))
def test_what_is_no_binary_frame_is_refused_and_never_misread(junk: bytes) -> None:
    for parse, kind in ((parse_output, 1), (parse_input, 2)):
        is_right = len(junk) >= HEADER_BYTES and junk[0] == kind and junk[2:4] == b"\0\0"
        if is_right and (kind == 2 or junk[1] < 3):
            assert parse(junk).data == junk[HEADER_BYTES:]
        else:
            with pytest.raises(MalformedFrameError, match="cannot read the binary frame"):
                parse(junk)


@pytest.mark.parametrize("text", [b"", b"{}", b" {}", b"\t{}", b"\n{}", b"\r[]", b"1", b'"x"'])
def test_no_json_is_taken_for_a_binary_frame(text: bytes) -> None:
    assert not is_binary(text)
