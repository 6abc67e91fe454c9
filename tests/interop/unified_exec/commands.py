"""How commands are run: where, by which shell, with which environment and input."""

from tests.harness.scripted_model import Script
from tests.interop.unified_exec.stage import (
    Difference,
    Stage,
    alive,
    differences,
    ended,
    scenario,
    wording,
)


@scenario()
def stdout_and_stderr_come_in_the_order_in_which_they_were_written(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "one\n",
        "echo one; while [ ! -e go ]; do sleep 0.05; done; echo two >&2; exit 7",
        yield_time_ms=700,
    )
    session_id = alive(result)
    stage.make("go")
    result = yield from stage.write_stdin(session_id)
    assert (ended(result), result.output) == (7, "two\n")


@scenario()
def a_directory_may_have_any_name(stage: Stage) -> Script:
    for name in ("in ner", "naïve 100% #1?", "'\"$HOME\\"):
        (stage.directory / name).mkdir()
        result = yield from stage.exec_command(
            'basename "$PWD"', workdir=str(stage.directory / name)
        )
        assert (ended(result), result.output) == (0, f"{name}\n")


@scenario(
    *wording(
        0,
        codex=r"CreateProcess .* cannot start a process in .*/missing: no such directory.*",
        ours=r"cannot start .*/missing: no such directory",
    ),
    is_of_our_host=True,
)
def a_working_directory_that_is_not_there_is_said(stage: Stage) -> Script:
    result = yield from stage.exec_command("echo never", workdir=str(stage.directory / "missing"))
    assert "never" not in result.output


@scenario()
def a_shell_reads_the_profile_if_it_is_to(stage: Stage) -> Script:
    for login in (True, False):
        result = yield from stage.exec_command(
            "shopt -q login_shell && echo login || echo plain", shell="/bin/bash", login=login
        )
        assert (ended(result), result.output) == (0, "login\n" if login else "plain\n")


@scenario()
def without_a_choice_the_shell_is_the_hosts(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        'echo "$0"; readlink /proc/$$/exe; shopt -q login_shell && echo login || echo plain'
    )
    assert ended(result) == 0


@scenario(
    Difference(
        what="`shell`",
        moment=2,
        codex=r"count: \d+\nOutput:\n/.*/bash\n",
        ours=r"count: \d+\nOutput:\nbash\n",
        why="Codex takes a name for a kind of shell; ours is started by the name that was given.",
    )
)
def the_shell_is_the_one_that_was_asked_for(stage: Stage) -> Script:
    for shell in ("/bin/bash", "bash"):
        result = yield from stage.exec_command('test -n "$BASH" && echo bash', shell=shell)
        assert (ended(result), result.output) == (0, "bash\n")
    result = yield from stage.exec_command('echo "$0"', shell="bash")
    assert ended(result) == 0


@scenario(
    Difference(
        what="`shell`",
        moment=0,
        codex=r"(?s).*environment `remote` only supports `bash`.*",
        ours=r"(?s).*Process exited with code 0.*",
        why="Codex runs the host's own shell only; ours runs any that the host has.",
    )
)
def another_shell_than_the_hosts_is_used_where_it_is_there(stage: Stage) -> Script:
    yield from stage.exec_command('readlink /proc/$$/exe; echo "$0"', shell="/bin/sh")


@scenario(
    Difference(
        what="`shell`",
        moment=0,
        codex=r"environment `remote` only supports `bash`",
        ours=r"exec_command failed: cannot start .*/no/such/shell.*",
        why="Codex runs the host's own shell only; ours asks the host.",
    )
)
def a_shell_that_is_not_there_is_said(stage: Stage) -> Script:
    yield from stage.exec_command("echo never", shell="/no/such/shell")


@scenario()
def programs_are_told_that_nobody_watches(stage: Stage) -> Script:
    names = "NO_COLOR TERM COLORTERM LANG LC_ALL LC_CTYPE PAGER GIT_PAGER GH_PAGER"
    for tty in (False, True):
        result = yield from stage.exec_command(
            f'for name in {names} HOST_VARIABLE; do eval "echo $name=\\$$name"; done',
            login=False,
            tty=tty,
        )
        assert ended(result) == 0
        assert "HOST_VARIABLE=of the host" in result.output


@scenario(
    Difference(
        what="`CODEX_CI`, `CODEX_THREAD_ID`",
        moment=0,
        codex=r"Original token count: \d+\nOutput:\n(CODEX_[A-Z_]+\n)+",
        ours=r"Original token count: \d+\nOutput:\nAGENT_CI\n",
        why="Our variables do not claim that Codex is at work; the caller's ids are the caller's.",
    ),
    Difference(
        what="environment policy",
        moment=0,
        codex=r"HOME\nHOST_KEYBOARD\nHOST_VARIABLE\n",
        ours=r"HOME\nHOST_VARIABLE\n",
        why="Codex sends a policy, by default one that keeps names with KEY in them; ours sends"
        " none, and the host's own applies.",
    ),
    is_of_our_host=True,
)
def the_environment_is_the_hosts_and_what_a_model_needs(stage: Stage) -> Script:
    result = yield from stage.exec_command("env | sed 's/=.*//' | sort", login=False)
    assert ended(result) == 0
    assert {"HOME", "PATH", "HOST_VARIABLE"} < set(result.output.split())


@scenario()
def the_input_of_a_command_is_empty(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "readlink /proc/self/fd/0; cat; read line; echo $?; test -t 0; echo $?; test -t 1; echo $?",
        login=False,
    )
    assert (ended(result), result.output) == (0, "/dev/null\n1\n1\n1\n")


@scenario(
    *wording(
        1,
        2,
        codex=r"stdin is closed for this session; rerun exec_command with tty=true .*",
        ours=r"cannot write to session \d+: .* stdin is closed; .* with tty=true",
    )
)
def a_process_without_a_terminal_takes_no_input_and_goes_on(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "ready\n",
        "echo ready; while [ ! -e go ]; do sleep 0.05; done; echo done",
        yield_time_ms=700,
    )
    session_id = alive(result)
    yield from stage.write_stdin(session_id, "text\n")
    yield from stage.write_stdin(session_id, "\x04")
    stage.make("go")
    result = yield from stage.write_stdin(session_id)
    assert (ended(result), result.output) == (0, "done\n")


@scenario()
def a_process_without_a_terminal_can_be_interrupted(stage: Stage) -> Script:
    result = yield from stage.exec_command("exec sleep 600", yield_time_ms=500)
    result = yield from stage.write_stdin(alive(result), "\x03", yield_time_ms=5_000)
    assert (ended(result), result.output) == (130, "")
    result = yield from stage.exec_command(
        "trap 'echo caught; exit 8' INT; touch ready; while :; do sleep 0.05; done",
        yield_time_ms=500,
    )
    session_id = alive(result)
    stage.await_file("ready")
    result = yield from stage.write_stdin(session_id, "\x03", yield_time_ms=5_000)
    assert (ended(result), result.output) == (8, "caught\n")


@scenario()
def a_command_may_have_many_lines_and_quotes(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "cat <<'end'\n$HOME \"double\" 'single' `back` \\n é\nend\nprintf '%s|' a\\ b \"c d\" ''\n"
    )
    assert ended(result) == 0
    assert result.output == "$HOME \"double\" 'single' `back` \\n é\na b|c d||"


@scenario(
    *differences(
        "`cmd` that is empty",
        0,
        1,
        codex=r"(?s).*exited with code 0.*",
        ours=r"exec_command failed: cannot run a command: .*",
        why="A model that sends nothing to run has made a mistake, and is told.",
    )
)
def an_empty_command_does_nothing(stage: Stage) -> Script:
    for cmd in ("", "   ", "# nothing"):
        result = yield from stage.exec_command(cmd)
        assert result.output == ""
