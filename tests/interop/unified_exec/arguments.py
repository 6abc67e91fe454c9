"""What a model may say in the arguments of its calls, and what it is told if it says nonsense."""

from tests.harness.scripted_model import Script
from tests.interop.unified_exec.stage import (
    Difference,
    Stage,
    differences,
    ended,
    scenario,
    wording,
)

_REFUSED_BY_CODEX = r"failed to parse function arguments: .*"
_REFUSED_BY_US = r"\w+ failed: cannot use the arguments of (exec_command|write_stdin): .*"
_SAID = r"(?s).*exited with code 0.*Output:\nsaid\n"


@scenario(*wording(*range(8), codex=_REFUSED_BY_CODEX, ours=_REFUSED_BY_US))
def arguments_of_the_wrong_type_are_refused(stage: Stage) -> Script:
    yield from stage.call("exec_command")
    yield from stage.call("exec_command", cmd=None)
    yield from stage.call("exec_command", cmd=["echo", "list"])
    yield from stage.call("exec_command", cmd="echo said", tty="yes")
    yield from stage.call("exec_command", cmd="echo said", yield_time_ms="soon")
    yield from stage.call("exec_command", cmd="echo said", yield_time_ms=1.5)
    yield from stage.call("write_stdin", chars="text")
    yield from stage.call("write_stdin", session_id="many")


_OUT_OF_RANGE = "a number out of its range"
_WHY_WITHIN = "What is out of its range is brought within, negative numbers as well."


@scenario(
    Difference(_OUT_OF_RANGE, 0, codex=_REFUSED_BY_CODEX, ours=_SAID, why=_WHY_WITHIN),
    Difference(
        _OUT_OF_RANGE,
        1,
        codex=_REFUSED_BY_CODEX,
        ours=r"(?s).*Output:\n.*…2 tokens truncated…",
        why=_WHY_WITHIN,
    ),
    Difference(
        _OUT_OF_RANGE,
        2,
        codex=_REFUSED_BY_CODEX,
        ours=r"write_stdin failed: cannot find session \d+: .*",
        why="A session that is not there is not there, however large its number.",
    ),
    *wording(3, codex=r"Unknown process id -1", ours=r"cannot find session -1: .*"),
)
def numbers_that_nobody_can_mean(stage: Stage) -> Script:
    yield from stage.call("exec_command", cmd="echo said", yield_time_ms=-1_000)
    yield from stage.call("exec_command", cmd="echo said", max_output_tokens=-1)
    yield from stage.call("write_stdin", session_id=10**12)
    yield from stage.call("write_stdin", session_id=-1)


@scenario(
    *differences(
        "a number in a string",
        0,
        1,
        codex=_REFUSED_BY_CODEX,
        ours=r"(?s).*(exited with code 0.*Output:\nsaid\n|cannot find session 999: .*)",
        why="What a model means is beyond doubt.",
    )
)
def a_number_in_a_string_is_a_number(stage: Stage) -> Script:
    yield from stage.call("exec_command", cmd="echo said", yield_time_ms="10000")
    yield from stage.call("write_stdin", session_id="999")


@scenario()
def more_time_than_anybody_waits_is_brought_within(stage: Stage) -> Script:
    result = yield from stage.exec_command("echo said", yield_time_ms=10**12)
    assert (ended(result), result.output) == (0, "said\n")


@scenario(
    *differences(
        "null for an argument",
        1,
        2,
        codex=_REFUSED_BY_CODEX,
        ours=_SAID,
        why="A model with a strict schema has to give every argument, and gives null for those it"
        " has no wish for.",
    )
)
def an_argument_may_be_null_where_it_may_be_missing(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "echo said", shell=None, login=None, max_output_tokens=None
    )
    assert (ended(result), result.output) == (0, "said\n")
    yield from stage.exec_command("echo said", tty=None)
    yield from stage.exec_command("echo said", yield_time_ms=None)


@scenario(
    Difference(
        what="unknown arguments of a model",
        moment=0,
        codex=_SAID,
        ours=_REFUSED_BY_US,
        why="A misspelt argument would otherwise be a wish that nobody grants and nobody refuses.",
    )
)
def an_argument_that_does_not_exist(stage: Stage) -> Script:
    yield from stage.call("exec_command", cmd="echo said", time_to_wait=1)


@scenario(
    *wording(
        0,
        codex=r"unsupported call: no_such_tool",
        ours=r"no_such_tool failed: cannot call 'no_such_tool': .*",
    )
)
def a_tool_that_does_not_exist(stage: Stage) -> Script:
    yield from stage.call("no_such_tool", cmd="echo said")


@scenario()
def a_relative_working_directory_is_below_the_own(stage: Stage) -> Script:
    for workdir in (".", "", "below"):
        result = yield from stage.call(
            "exec_command", cmd='basename "$PWD"', login=False, workdir=workdir
        )
        assert (ended(result), result.output) == (0, f"{workdir.strip('.') or 'workspace'}\n")


@scenario(
    *wording(
        0,
        codex=r"CreateProcess .* it holds a NUL.*",
        ours=r"cannot start .*: an argument holds a NUL",
    ),
    *wording(
        1,
        codex=r"CreateProcess .* cannot start .*: Argument list too long.*",
        ours=r"cannot start .*: Argument list too long",
    ),
    is_of_our_host=True,
)
def a_command_that_no_host_can_run_is_refused(stage: Stage) -> Script:
    yield from stage.exec_command("echo a\0b")
    yield from stage.exec_command(": " + 200_000 * "x")


@scenario(
    *wording(0, codex=_REFUSED_BY_CODEX, ours=_REFUSED_BY_US),
    Difference(
        what="half a surrogate pair",
        moment=1,
        codex=r"Unknown process id \d+",
        ours=r"cannot use the arguments of write_stdin: .*",
        why="Half a surrogate pair is no text, at the end of a string as little as in it.",
    ),
)
def text_that_is_no_text_is_refused(stage: Stage) -> Script:
    yield from stage.exec_command("echo \ud800")
    yield from stage.write_stdin(999, "\udfff")
