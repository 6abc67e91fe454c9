"""`telexec run` on Codex's own exec-server, which knows none of our extensions."""

import pytest

from tests.harness import programs
from tests.harness.server import Server
from tests.integration.cli.command import Ended, running, telexec

pytestmark = pytest.mark.codex


def run(host: Server, *arguments: str) -> list[str]:
    return ["run", "--url", host.url, *arguments]


def test_output_errors_and_exit_code_are_those_of_the_process(exec_server: Server) -> None:
    script = "printf out; printf err >&2; exit 3"
    ended = telexec(*run(exec_server, "--", *programs.shell(script)))
    assert ended == Ended(3, b"out", b"err")


def test_a_program_that_is_not_there_is_127(exec_server: Server) -> None:
    ended = telexec(*run(exec_server, "--", "/no/such/program"))
    assert (ended.exit_code, ended.stdout) == (127, b"")


def test_time_that_is_over_ends_the_process(exec_server: Server) -> None:
    argv = run(exec_server, "--timeout", "300ms", "--", *programs.say_and_sleep("begun"))
    assert telexec(*argv) == Ended(124, b"begun", b"")


def test_an_interrupt_reaches_the_process(exec_server: Server) -> None:
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    with running(run(exec_server, "--", *programs.shell(script))) as command:
        command.read_until(b"ready\n")
        command.press_interrupt()
        assert command.ended() == Ended(5, b"ready\ncaught\n", b"")


def test_stdin_that_could_not_be_ended_is_refused_with_a_way_out(exec_server: Server) -> None:
    ended = telexec(*run(exec_server, "--", *programs.echo()), stdin=b"x")
    assert (ended.exit_code, ended.stdout) == (125, b"")
    assert b"use -n" in ended.stderr
    assert telexec(*run(exec_server, "-n", "--", *programs.echo()), stdin=b"x") == Ended(
        0, b"", b""
    )


def test_what_the_host_cannot_do_is_refused(exec_server: Server) -> None:
    ended = telexec(*run(exec_server, "--unset", "HOME", "--", *programs.succeed()))
    assert (ended.exit_code, ended.stdout) == (125, b"")
    assert ended.stderr.startswith(b"telexec: cannot ")


def test_a_terminal_is_there_and_its_input_ends_with_ours(exec_server: Server) -> None:
    argv = run(exec_server, "-t", "--", *programs.shell("test -t 0 && exec cat"))
    ended = telexec(*argv, stdin=b"line\n")
    assert ended.exit_code == 0
    assert ended.stdout.endswith(b"line\r\nline\r\n")
