"""What a model may say in the arguments of its calls, and what it is told if it says nonsense."""

from tests.harness.scripted_model import Script
from tests.interop.unified_exec.stage import WORDING, Difference, Stage, ended, scenario


@scenario(
    *(
        Difference(
            moment,
            codex=r"failed to parse function arguments: .* at line 1 column \d+",
            ours=rf"cannot use the arguments of {tool}: .*",
            why=WORDING,
        )
        for moment, tool in enumerate(3 * ["exec_command"] + 2 * ["write_stdin"])
    )
)
def arguments_that_make_no_sense_are_refused(stage: Stage) -> Script:
    yield from stage.call("exec_command")
    yield from stage.call("exec_command", cmd=["echo", "list"])
    yield from stage.call("exec_command", cmd="echo x", yield_time_ms="soon")
    yield from stage.call("write_stdin", chars="x")
    yield from stage.call("write_stdin", session_id="many")


@scenario()
def more_arguments_of_no_sense(stage: Stage) -> Script:
    yield from stage.call("exec_command", cmd="echo x", yield_time_ms=-1)
    yield from stage.call("exec_command", cmd="echo x", yield_time_ms=1.5)
    yield from stage.call("exec_command", cmd="echo x", max_output_tokens=-1)
    yield from stage.call("exec_command", cmd="echo x", tty="yes")
    yield from stage.call("exec_command", cmd="echo x", tty=None)
    yield from stage.call("exec_command", cmd="echo x", yield_time_ms=None)
    yield from stage.call("exec_command", cmd=None)
    yield from stage.call("exec_command", cmd="echo x", nonsense=1)
    yield from stage.call("write_stdin", session_id=10**12)
    yield from stage.call("write_stdin", session_id=-1)
    yield from stage.call("write_stdin", session_id=1.0)
    yield from stage.call("write_stdin", session_id=1, chars=None)
    yield from stage.call("no_such_tool", cmd="echo x")


@scenario()
def an_argument_may_be_null_where_it_may_be_missing(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "echo said", shell=None, login=None, max_output_tokens=None
    )
    assert (ended(result), result.output) == (0, "said\n")


@scenario()
def more_time_than_anybody_waits_is_brought_within(stage: Stage) -> Script:
    result = yield from stage.exec_command("echo said", yield_time_ms=10**12)
    assert (ended(result), result.output) == (0, "said\n")


@scenario()
def a_relative_working_directory_is_below_the_own(stage: Stage) -> Script:
    for workdir in (".", "", "below"):
        result = yield from stage.call(
            "exec_command", cmd='basename "$PWD"', login=False, workdir=workdir
        )
        assert (ended(result), result.output) == (0, f"{workdir.strip('.') or 'workspace'}\n")


@scenario()
def a_command_that_no_host_can_run_is_refused(stage: Stage) -> Script:
    yield from stage.exec_command("echo a\0b")
    yield from stage.exec_command(": " + 200_000 * "x")


@scenario()
def text_that_is_no_text_is_refused(stage: Stage) -> Script:
    yield from stage.exec_command("echo \ud800")
    yield from stage.write_stdin(999, "\udfff")
