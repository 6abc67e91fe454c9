import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.errors import ErrorData, WireError
from telexec_schemas.frame import (
    Answer,
    Failure,
    MalformedFrameError,
    Notice,
    Request,
    encode_answer,
    encode_failure,
    encode_notice,
    encode_request,
    parse_frame,
)
from telexec_schemas.method import encode

texts = st.text(st.characters(exclude_categories=["Cs"]))
ids = st.integers(min_value=-(2**63), max_value=2**63 - 1) | texts
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53), max_value=2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=4)


def decoded(raw: msgspec.Raw) -> Any:
    return json.loads(bytes(raw))


@given(request_id=ids, method=texts, params=objects)
def test_a_request_arrives_as_it_was_sent(
    request_id: int | str, method: str, params: dict[str, Any]
) -> None:
    frame = parse_frame(encode_request(request_id, method, params))
    assert isinstance(frame, Request)
    assert (frame.id, frame.method, decoded(frame.params)) == (request_id, method, params)


@given(method=texts, params=objects)
def test_a_notification_arrives_as_it_was_sent(method: str, params: dict[str, Any]) -> None:
    frame = parse_frame(encode_notice(method, params))
    assert isinstance(frame, Notice)
    assert (frame.method, decoded(frame.params)) == (method, params)


@given(request_id=ids, result=values)
def test_a_result_arrives_as_it_was_sent_also_null(request_id: int | str, result: Any) -> None:
    frame = parse_frame(encode_answer(request_id, result))
    assert isinstance(frame, Answer)
    assert (frame.id, decoded(frame.result)) == (request_id, result)


@given(
    request_id=ids,
    code=st.integers(min_value=-(2**31), max_value=2**31 - 1),
    message=texts,
    subject=st.none() | texts,
    limit=st.none() | st.integers(min_value=0, max_value=2**53),
)
def test_an_error_arrives_as_it_was_sent_with_its_data(
    request_id: int | str, code: int, message: str, subject: str | None, limit: int | None
) -> None:
    data = ErrorData("limitReached", subject, limit)
    error = WireError(code, message, msgspec.Raw(encode(data)))
    frame = parse_frame(encode_failure(request_id, error))
    assert isinstance(frame, Failure)
    assert (frame.id, frame.error.code, frame.error.message) == (request_id, code, message)
    assert isinstance(frame.error.data, msgspec.Raw)
    assert msgspec.json.decode(frame.error.data, type=ErrorData) == data


@given(method=texts)
def test_no_frame_has_a_jsonrpc_member_or_a_line_break(method: str) -> None:
    for frame in (encode_request(1, method, {}), encode_notice(method, {})):
        assert "jsonrpc" not in json.loads(frame)
        assert b"\n" not in frame


@pytest.mark.parametrize(
    "frame", [b'{"id":1,"method":"m"}', b'{"id":1,"method":"m","params":null}']
)
def test_missing_params_are_no_params(frame: bytes) -> None:
    parsed = parse_frame(frame)
    assert isinstance(parsed, Request)
    assert bytes(parsed.params) == b"{}"


def test_unknown_members_are_ignored() -> None:
    frame = parse_frame(b'{"jsonrpc":"2.0","id":1,"trace":{"a":[1]},"method":"m","params":{"x":1}}')
    assert frame == Request(1, "m", msgspec.Raw(b'{"x":1}'))


def test_an_error_without_data_has_none() -> None:
    frame = parse_frame(b'{"id":1,"error":{"code":-32600,"message":"no"}}')
    assert isinstance(frame, Failure)
    assert frame.error.data is msgspec.UNSET


@pytest.mark.parametrize("data", [b"null", b"5", b'"text"', b"[1]", b'{"other":true}'])
def test_an_error_may_have_data_of_any_kind(data: bytes) -> None:
    frame = parse_frame(b'{"id":1,"error":{"code":1,"message":"no","data":' + data + b"}}")
    assert isinstance(frame, Failure)
    assert isinstance(frame.error.data, msgspec.Raw)
    assert bytes(frame.error.data) == data


def test_params_stay_raw_until_their_method_is_known() -> None:
    frame = parse_frame(b'{"id":1,"method":"m","params":"of any kind"}')
    assert isinstance(frame, Request)
    assert bytes(frame.params) == b'"of any kind"'


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_frame_is_read_from_any_buffer(kind: type[bytes | bytearray | memoryview]) -> None:
    assert parse_frame(kind(b'{"method":"m"}')) == Notice("m", msgspec.Raw(b"{}"))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b" \n", id="white space"),
        pytest.param(b"nonsense", id="no JSON"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"id":1,"method":"m"', id="cut off at the end"),
        pytest.param(b'{"id":1,"method":"m"} {}', id="more than one"),
        pytest.param(b"{'id':1}", id="single quotes"),
        pytest.param(b'{"method":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"method":"\\ud800"}', id="a lone surrogate"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(b'{"method":"m","params":' + b"[" * 100_000, id="too deep in params"),
        pytest.param(b"null", id="null"),
        pytest.param(b"5", id="a number"),
        pytest.param(b'"text"', id="a string"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b'[{"id":1,"method":"m"}]', id="a batch"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"id":1}', id="an id alone"),
        pytest.param(b'{"result":1}', id="a result without an id"),
        pytest.param(b'{"error":{"code":1,"message":"m"}}', id="an error without an id"),
        pytest.param(b'{"params":{}}', id="params alone"),
        pytest.param(b'{"id":1,"method":5}', id="a method that is no string"),
        pytest.param(b'{"id":1,"method":null}', id="a method that is null"),
        pytest.param(b'{"id":null,"method":"m"}', id="an id that is null"),
        pytest.param(b'{"id":1.5,"method":"m"}', id="an id that is a fraction"),
        pytest.param(b'{"id":true,"method":"m"}', id="an id that is a boolean"),
        pytest.param(b'{"id":{},"method":"m"}', id="an id that is an object"),
        pytest.param(b'{"id":1,"error":5}', id="an error that is no object"),
        pytest.param(b'{"id":1,"error":{}}', id="an empty error"),
        pytest.param(b'{"id":1,"error":{"code":"x","message":"m"}}', id="a code that is no number"),
        pytest.param(b'{"id":1,"error":{"code":1}}', id="an error without a message"),
    ],
)
def test_a_malformed_frame_is_refused_with_a_reason(payload: bytes) -> None:
    with pytest.raises(MalformedFrameError, match=r"^cannot read the frame.*: ."):
        parse_frame(payload)


@given(payload=st.binary())
def test_any_bytes_are_a_frame_or_malformed(payload: bytes) -> None:
    with contextlib.suppress(MalformedFrameError):
        parse_frame(payload)


@given(value=values)
def test_any_json_is_a_frame_or_malformed(value: Any) -> None:
    try:
        frame = parse_frame(json.dumps(value).encode())
    except MalformedFrameError:
        return
    assert isinstance(value, dict)
    assert isinstance(frame, Request | Notice | Answer | Failure)
