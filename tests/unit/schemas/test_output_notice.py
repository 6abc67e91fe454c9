import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.frame import Notice, encode_notice, parse_frame
from telexec_schemas.identifiers import ProcessId, Seq
from telexec_schemas.methods import OUTPUT
from telexec_schemas.output_notice import parse_output_notice
from telexec_schemas.process import OutputPushed, Stream


@given(st.text(), st.integers(1, 2**53), st.sampled_from(["stdout", "stderr", "pty"]), st.binary())
def test_output_is_read_as_it_was_written(
    process_id: str, seq: int, stream: Stream, chunk: bytes
) -> None:
    pushed = OutputPushed(ProcessId(process_id), Seq(seq), stream, chunk)
    assert parse_output_notice(encode_notice(OUTPUT.name, pushed)) == pushed


PARAMS = {"processId": "p", "seq": 1, "stream": "stdout", "chunk": base64.b64encode(b"x").decode()}


@pytest.mark.parametrize(
    "frame",
    [
        {"method": "process/output", "params": PARAMS, "id": 1},
        {"method": "process/output", "params": PARAMS, "id": None},
        {"method": "process/outputs", "params": PARAMS},
        {"method": "process/exited", "params": {}},
        {"method": "process/output", "params": {**PARAMS, "stream": "stdin"}},
        {"method": "process/output", "params": {**PARAMS, "chunk": "?"}},
        {"method": "process/output", "params": None},
        {"method": "process/output"},
        {"params": PARAMS, "method": "process/output"},
        {"id": 1, "result": {}},
    ],
)
def test_what_is_no_sound_output_or_begins_otherwise_is_left_to_others(frame: object) -> None:
    assert parse_output_notice(json.dumps(frame, separators=(",", ":")).encode()) is None


@pytest.mark.parametrize("payload", [b"", b"{", b'{"method":"process/output"', b"\xff" * 100])
def test_what_is_no_json_is_left_to_others(payload: bytes) -> None:
    assert parse_output_notice(payload) is None


def test_a_method_that_is_said_twice_is_the_one_that_was_said_last() -> None:
    payload = b'{"method":"process/output","method":"other","params":%b}' % (
        json.dumps(PARAMS).encode()
    )
    frame = parse_frame(payload)
    assert isinstance(frame, Notice)
    assert frame.method == "other"
    assert parse_output_notice(payload) is None
