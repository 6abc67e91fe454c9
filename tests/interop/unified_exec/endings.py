"""How commands end, and that a model is told how."""

from tests.harness.scripted_model import Script
from tests.interop.unified_exec.stage import Difference, Stage, alive, ended, scenario


@scenario()
def a_short_command_prints_and_ends(stage: Stage) -> Script:
    result = yield from stage.exec_command("echo hello")
    assert (ended(result), result.output) == (0, "hello\n")


@scenario()
def a_command_that_prints_nothing_ends_well(stage: Stage) -> Script:
    result = yield from stage.exec_command("true")
    assert (ended(result), result.output) == (0, "")


@scenario()
def exit_codes_are_what_the_command_says(stage: Stage) -> Script:
    for code in (0, 1, 2, 7, 126, 127, 128, 130, 255, 256, -1):
        result = yield from stage.exec_command(f"exit {code}")
        assert ended(result) == code % 256


@scenario()
def what_is_not_there_or_is_no_program_cannot_be_run(stage: Stage) -> Script:
    stage.make("plain")
    result = yield from stage.exec_command("./plain", login=False)
    assert ended(result) == 126
    result = yield from stage.exec_command("no-such-program", login=False)
    assert ended(result) == 127
    assert "no-such-program" in result.output


@scenario()
def a_command_that_kills_itself_ends_by_the_signal(stage: Stage) -> Script:
    signals = {"TERM": 15, "KILL": 9, "HUP": 1, "USR1": 10, "SEGV": 11, "PIPE": 13, "RTMIN": 34}
    for name, number in signals.items():
        result = yield from stage.exec_command(
            f"ulimit -c 0; echo before; kill -s {name} $$; echo behind"
        )
        assert (ended(result), result.output) == (128 + number, "before\n")


@scenario(is_of_our_host=True)
def a_command_on_a_terminal_that_kills_itself_ends_by_the_signal(stage: Stage) -> Script:
    for name, number in (("TERM", 15), ("KILL", 9)):
        result = yield from stage.exec_command(
            f"echo before; kill -s {name} $$; echo behind", tty=True
        )
        assert (ended(result), result.output) == (128 + number, "before\r\n")


@scenario()
def a_child_of_the_command_that_is_killed_gives_its_exit_code(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        # What bash itself says of it has a process id.
        "exec 2>/dev/null; sh -c 'kill -s KILL $$'; code=$?; echo $code; exit $code",
        login=False,
    )
    assert (ended(result), result.output) == (137, "137\n")


@scenario()
def a_process_that_another_command_kills_ends_by_the_signal(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "echo $$ >pid; exec sleep 600", yield_time_ms=500, login=False
    )
    session_id = alive(result)
    stage.await_file("pid")
    yield from stage.exec_command('kill -s TERM "$(cat pid)"', login=False)
    result = yield from stage.write_stdin(session_id)
    assert ended(result) == 143


@scenario()
def a_stopped_process_is_alive(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "before\n",
        "echo $$ >pid; echo before; kill -s STOP $$; echo behind; exit 3",
        login=False,
        yield_time_ms=700,
    )
    session_id = alive(result)
    result = yield from stage.exec_command("kill -s CONT $(cat pid)", login=False)
    assert ended(result) == 0
    result = yield from stage.write_stdin(session_id)
    assert (ended(result), result.output) == (3, "behind\n")


@scenario()
def a_command_that_closes_its_output_is_alive_until_its_end(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "first\n",
        "echo first; exec >&- 2>&-; while [ ! -e go ]; do sleep 0.05; done; exit 3",
        yield_time_ms=700,
    )
    session_id = alive(result)
    stage.make("go")
    result = yield from stage.write_stdin(session_id)
    assert (ended(result), result.output) == (3, "")


_BACKGROUND = Difference(
    what="after the end, output still open",
    moment=0,
    codex=r"Process running",
    ours=r"Process exited with code [56]",
    why="A command has ended when it has, also where something that it left in the background"
    " still holds its output open; Codex waits, and calls it running.",
)


@scenario(_BACKGROUND)
def a_descendant_that_holds_the_output_does_not_keep_the_command_alive(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "sleep 600 & echo $! >pid; echo main; exit 5", yield_time_ms=1_000
    )
    assert result.output == "main\n"
    result = yield from stage.exec_command('kill -0 "$(cat pid)"; echo $?')
    assert (ended(result), result.output) == (0, "0\n")


@scenario(_BACKGROUND)
def output_of_a_descendant_before_the_end_of_the_command_is_not_lost(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "{ echo child; touch said; sleep 600; } & "
        "while [ ! -e said ]; do sleep 0.05; done; echo main; exit 6",
        yield_time_ms=2_000,
    )
    assert result.output == "child\nmain\n"
