import json
from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from telexec_client.cli.report import Capture, Report


def captured(pieces: list[bytes], max_bytes: int) -> Capture:
    capture = Capture(max_bytes)
    for piece in pieces:
        capture.add(piece)
    return capture


def test_a_report_is_one_line_that_holds_everything_about_the_end() -> None:
    report = Report(exit_code=143, signal="SIGTERM", reason="timeout", duration_s=1.5)
    report.stdout.add("é\n".encode())
    report.stderr.add(b"\xff")
    text = report.to_json()
    assert "\n" not in text
    assert json.loads(text) == {
        "exitCode": 143,
        "signal": "SIGTERM",
        "reason": "timeout",
        "durationMs": 1500,
        "usage": None,
        "stdout": "é\n",
        "stdoutEncoding": "utf-8",
        "stderr": "/w==",
        "stderrEncoding": "base64",
        "truncated": False,
        "error": None,
    }


def test_a_failure_is_told_by_type_and_message() -> None:
    report = json.loads(Report(error=ValueError("cannot do it")).to_json())
    assert report["error"] == {"type": "ValueError", "message": "cannot do it"}
    assert report["exitCode"] is None


def test_text_that_is_cut_within_a_character_ends_before_it() -> None:
    assert captured(["aé".encode()], max_bytes=2).as_text() == ("a", "utf-8")


def test_output_that_ends_within_a_character_is_not_text() -> None:
    assert captured([b"a\xc3"], max_bytes=10).as_text() == ("YcM=", "base64")


@given(st.lists(st.binary(max_size=20)), st.integers(min_value=0, max_value=60))
def test_the_first_bytes_are_kept_and_a_cut_is_told(pieces: list[bytes], max_bytes: int) -> None:
    capture = captured(pieces, max_bytes)
    text, encoding = capture.as_text()
    everything = b"".join(pieces)
    kept = b64decode(text) if encoding == "base64" else text.encode()
    assert everything.startswith(kept)
    assert capture.is_truncated == (len(everything) > max_bytes)
    # Text loses at most the part of one character to the cut.
    assert min(len(everything), max_bytes) - len(kept) in (range(4) if encoding == "utf-8" else [0])
