"""How a model is told what a call came to."""

from telexec_client.errors import CommandLostError, SessionUnknownError
from telexec_client.unified_exec.core.result import (
    CommandResult,
    failure_text,
    result_of,
    tool_text,
)
from telexec_client.unified_exec.core.transcript import Excerpt, Transcript


def shown(excerpt: Excerpt, max_tokens: int) -> CommandResult:
    return result_of(
        excerpt,
        max_tokens=max_tokens,
        exit_code=0,
        session_id=None,
        wall_time_s=1.5,
        chunk_id="abc123",
    )


def excerpt_of(data: bytes, *, capacity_bytes: int = 1_000, lost: bool = False) -> Excerpt:
    transcript = Transcript(capacity_bytes)
    half = len(data) // 2
    transcript.output("stdout", data[:half])
    if lost:
        transcript.lost(77)
    transcript.output("stdout", data[half:])
    return transcript.take(is_last=True)


def test_the_text_of_an_end() -> None:
    assert tool_text(shown(excerpt_of(b"hello\n"), 100)) == (
        "Chunk ID: abc123\n"
        "Wall time: 1.5000 seconds\n"
        "Process exited with code 0\n"
        "Original token count: 2\n"
        "Output:\n"
        "hello\n"
    )


def test_the_text_of_what_goes_on() -> None:
    result = CommandResult(
        output="", exit_code=None, session_id=1234, wall_time_s=0.25, original_token_count=0
    )
    assert tool_text(result) == (
        "Wall time: 0.2500 seconds\n"
        "Process running with session ID 1234\n"
        "Original token count: 0\n"
        "Output:\n"
    )


def test_a_budget_that_is_too_small_says_how_much_there_was() -> None:
    result = shown(excerpt_of(b"line\n" * 100), 4)
    assert result.output == (
        "Warning: truncated output (original token count: 125)\n"
        "Total output lines: 100\n\n"
        "line\nlin…121 tokens truncated…ne\nline\n"
    )
    assert (result.is_truncated, result.original_token_count) == (True, 125)


def test_a_marker_that_a_budget_cuts_out_stands_above() -> None:
    excerpt = excerpt_of(b"x" * 5_000, capacity_bytes=1_000)
    assert "... 4000 bytes omitted ..." in shown(excerpt, 1_000).output
    result = shown(excerpt, 10)
    assert result.output.startswith(
        "Warning: truncated output (original token count: 1250)\n... 4000 bytes omitted ...\n\nxxxx"
    )
    assert result.omitted_bytes == 4_000


def test_a_gap_is_told_also_when_its_place_is_cut_out() -> None:
    excerpt = excerpt_of(b"x" * 500, lost=True)
    whole = shown(excerpt, 1_000).output
    assert whole == "x" * 250 + "\n... 77 bytes lost ...\n" + "x" * 250
    cut = shown(excerpt, 10)
    assert "\n... 77 bytes lost ...\n\nxxxx" in cut.output
    assert cut.lost_bytes == 77


def test_a_gap_is_told_also_when_its_place_did_not_fit_in_the_buffer() -> None:
    excerpt = excerpt_of(b"x" * 500, capacity_bytes=100, lost=True)
    assert "\n... 400 bytes omitted ...\n\n... 77 bytes lost ...\n" in shown(excerpt, 100).output
    assert "\n... 400 bytes omitted ...\n... 77 bytes lost ...\n\n" in shown(excerpt, 2).output


def test_a_failure_is_told_with_the_output_that_there_is() -> None:
    assert failure_text("write_stdin", SessionUnknownError(7, [5, 3])) == (
        "write_stdin failed: cannot find session 7: it never was, or it has ended; there are 3, 5"
    )
    lost = CommandLostError(7, "cannot reach it", "half of it")
    assert failure_text("exec_command", lost) == (
        "exec_command failed: cannot follow session 7 any more: cannot reach it\n"
        "Output:\nhalf of it"
    )
