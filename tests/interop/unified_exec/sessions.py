"""Processes that live on behind an answer, and are polled, fed and forgotten."""

import re

from tests.harness.scripted_model import Script, ToolResult
from tests.interop.unified_exec.stage import (
    Difference,
    Stage,
    alive,
    ended,
    scenario,
    wording,
)


def wall_time_s(result: ToolResult) -> float:
    """Return how long the answer says that the call took."""
    found = re.search(r"^Wall time: (\d+\.\d+) seconds$", result.text, re.MULTILINE)
    assert found is not None, result.text
    return float(found[1])


@scenario()
def a_process_in_the_background_is_polled_until_its_end(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "first\n",
        "echo first; for step in 1 2; do while [ ! -e $step ]; do sleep 0.05; done; "
        "echo step $step; done; while [ ! -e go ]; do sleep 0.05; done; echo last; exit 4",
        yield_time_ms=1_000,
    )
    session_id = alive(result)
    for step in (1, 2):
        stage.make(str(step))
        result = yield from stage.write_stdin(session_id, yield_time_ms=250)
        assert (alive(result), result.output) == (session_id, f"step {step}\n")
        # An empty poll waits longer than it was asked to.
        stage.note(f"waited for 5 s: {wall_time_s(result) >= 5}")
    stage.make("go")
    result = yield from stage.write_stdin(session_id)
    assert (ended(result), result.output) == (4, "last\n")


@scenario()
def a_silent_command_is_left_alone_after_its_time(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "while [ ! -e go ]; do sleep 0.05; done; echo at last", yield_time_ms=1
    )
    session_id = alive(result)
    assert result.output == ""
    stage.note(f"waited for 0.25 s: {wall_time_s(result) >= 0.25}")
    stage.make("go")
    result = yield from stage.write_stdin(session_id)
    assert (ended(result), result.output) == (0, "at last\n")


@scenario()
def a_command_that_ended_between_two_calls_says_so_at_the_next(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "while [ ! -e go ]; do sleep 0.05; done; echo bye; touch done; exit 9", yield_time_ms=300
    )
    session_id = alive(result)
    stage.make("go")
    stage.await_file("done")
    # Another call meanwhile does not take what is not its own.
    other = yield from stage.exec_command("sleep 0.3; echo other")
    assert (ended(other), other.output) == (0, "other\n")
    result = yield from stage.write_stdin(session_id, yield_time_ms=300)
    assert (ended(result), result.output) == (9, "bye\n")


def _unknown(*moments: int) -> tuple[Difference, ...]:
    return wording(*moments, codex=r"Unknown process id \d+", ours=r"cannot find session \d+: .*")


@scenario(*_unknown(2, 3))
def an_ended_session_is_known_no_more(stage: Stage) -> Script:
    result = yield from stage.exec_command("read line", tty=True, yield_time_ms=500)
    session_id = alive(result)
    result = yield from stage.write_stdin(session_id, "x\n", yield_time_ms=5_000)
    assert ended(result) == 0
    for chars in ("", "text\n"):
        result = yield from stage.write_stdin(session_id, chars)
        assert (result.exit_code, result.session_id) == (None, None)
        assert str(session_id) in result.text


@scenario(*_unknown(0, 1))
def a_session_that_never_was_is_unknown(stage: Stage) -> Script:
    for chars in ("", "text\n"):
        result = yield from stage.write_stdin(424_242, chars)
        assert "424242" in result.text


@scenario()
def two_sessions_do_not_meet(stage: Stage) -> Script:
    sessions: list[int] = []
    for name in ("a", "b"):
        result = yield from stage.exec_until(
            "ready", f"echo {name} ready; exec cat", tty=True, yield_time_ms=1_000
        )
        sessions.append(alive(result))
    assert len(set(sessions)) == 2
    for text, session_id in zip(("for b", "for a"), reversed(sessions), strict=True):
        yield from stage.write_until(
            f"{text}\r\n{text}\r\n", session_id, f"{text}\n", yield_time_ms=500
        )
    for session_id in sessions:
        result = yield from stage.write_stdin(session_id, "\x04", yield_time_ms=5_000)
        assert (ended(result), result.output) == (0, "")
