import msgspec
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.filesystem import Block, FileContent
from telexec_schemas.frame import Answer, answer_around, encode_answer, parse_frame
from telexec_service.rpc.encoding import SLICE_BYTES, encoded_block, encoded_content

sizes = st.sampled_from([0, 1, 2, 3, SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 2_000_000])


@given(size=sizes, eof=st.booleans())
def test_what_is_encoded_in_slices_is_the_same_json(size: int, *, eof: bool) -> None:
    content = bytes(n % 251 for n in range(1000)) * (size // 1000 + 1)
    whole, block = FileContent(content[:size]), Block(content[:size], eof)
    assert b"".join(encoded_content(whole).parts) == msgspec.json.encode(whole)
    assert b"".join(encoded_block(block).parts) == msgspec.json.encode(block)


@given(st.integers() | st.text())
def test_an_answer_around_json_is_that_of_its_value(request_id: int | str) -> None:
    before, after = answer_around(request_id)
    frame = before + b'{"x":1}' + after
    assert frame == encode_answer(request_id, {"x": 1})
    assert isinstance(parse_frame(frame), Answer)
