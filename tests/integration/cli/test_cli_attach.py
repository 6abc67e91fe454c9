"""`telexec attach`: what `run -d` left, as if it had been started from here."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.harness import procfs, programs
from tests.harness.deadline import eventually, eventually_blocking
from tests.harness.fault_proxy import fault_proxy
from tests.harness.terminal import InTerminal, Terminal, terminal
from tests.integration.cli.command import TELEXEC, Ended, environment, running, telexec
from tests.integration.cli.users import User

READS_LINES = 'echo ready; while read -r line; do echo "got $line"; done; echo end; exit 3'


def state_of(user: User, session: str) -> str:
    """Return whether the only process of a session runs."""
    (process,) = user.listed(session)
    return str(process["state"])


@pytest_asyncio.fixture
async def screen() -> AsyncIterator[Terminal]:
    """Return a terminal of 24 rows of 80 columns, whose settings must be the same at the end."""
    async with terminal() as made:
        before = made.settings
        yield made
        assert made.settings == before


@asynccontextmanager
async def attached(screen: Terminal, user: User, *arguments: str) -> AsyncGenerator[InTerminal]:
    """Run `telexec attach` in a terminal."""
    env = environment({**user.env, "TERM": "xterm-256color"})
    async with screen.running([TELEXEC, "attach", *arguments], env) as command:
        yield command


def test_output_exit_code_and_errors_are_those_of_the_process(user: User) -> None:
    name = user.leaves("--", *programs.shell("echo out; echo err >&2; exit 7"))
    user.waits_for_the_end(name)
    assert user.does("attach", name) == Ended(7, b"out\n", b"err\n")
    # It can be had again.
    assert user.does("attach", name) == Ended(7, b"out\n", b"err\n")


def test_a_process_gets_the_input_of_who_is_attached_and_its_end(user: User) -> None:
    name = user.leaves("-i", "--name", "reader", "--", *programs.shell(READS_LINES))
    with running(["attach", "reader"], env=user.env, stdin=subprocess.PIPE) as command:
        command.read_until(b"ready\n")
        command.write(b"one\n")
        command.read_until(b"got one\n")
        command.write(b"two\n")
        command.close_stdin()
        ended = command.ended()
    assert ended == Ended(3, b"ready\ngot one\ngot two\nend\n", b"")
    assert user.does("logs", name).stdout == ended.stdout


def test_without_stdin_the_input_stays_open_for_the_next_one(user: User) -> None:
    user.leaves("-i", "--name", "open", "--", *programs.shell(READS_LINES))
    with running(["attach", "-n", "open"], env=user.env, stdin=subprocess.PIPE) as command:
        command.read_until(b"ready\n")
        command.close_stdin()
        command.send_signal(signal.SIGHUP)
        command.ended()
    assert state_of(user, "open") == "running"
    with running(["attach", "open"], env=user.env, stdin=subprocess.PIPE) as command:
        command.write(b"later\n")
        command.close_stdin()
        assert command.ended().stdout == b"ready\ngot later\nend\n"


def test_hanging_up_leaves_it_running_and_it_can_be_attached_again(user: User) -> None:
    name = user.leaves("--name", "left", "--", *programs.say_and_sleep("said\n"))
    for _ in range(2):
        with running(["attach", "left"], env=user.env) as command:
            command.read_until(b"said\n")
            command.send_signal(signal.SIGHUP)
            ended = command.ended()
        assert ended.stderr == (
            f"telexec: left {name} running; telexec attach {name} comes back to it\n".encode()
        )
    assert state_of(user, "left") == "running"
    assert user.does("kill", name).exit_code == 0


def test_a_client_that_is_killed_leaves_it_running(user: User) -> None:
    name = user.leaves("--name", "orphan", "--", *programs.say_and_sleep("said\n"))
    with running(["attach", name], env=user.env) as command:
        command.read_until(b"said\n")
        command.send_signal(signal.SIGKILL)
        command.ended()
    assert state_of(user, "orphan") == "running"
    assert user.does("kill", name).exit_code == 0


def test_an_interrupt_reaches_the_process(user: User) -> None:
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    user.leaves("-e", "PATH", "--name", "trapped", "--", *programs.shell(script))
    with running(["attach", "trapped"], env=user.env) as command:
        command.read_until(b"ready\n")
        command.press_interrupt()
        assert command.ended() == Ended(5, b"ready\ncaught\n", b"")


def test_terminating_telexec_terminates_the_process_as_in_a_run(user: User) -> None:
    user.leaves("--name", "ended", "--", *programs.say_and_sleep("said\n"))
    with running(["attach", "ended"], env=user.env) as command:
        command.read_until(b"said\n")
        command.send_signal(signal.SIGTERM)
        assert command.ended().exit_code == 143
    (process,) = user.listed("ended")
    assert process["signal"] == "SIGTERM"


def test_a_gap_is_said_and_what_comes_then_is_whole(user: User) -> None:
    name = user.leaves("--", *programs.numbered_lines(1, 400_000))
    user.waits_for_the_end(name)
    ended = user.does("attach", name)
    whole = programs.expected_lines(1, 400_000)
    assert ended.exit_code == 0
    assert whole.endswith(ended.stdout)
    assert ended.stderr.decode() == (
        f"telexec: {len(whole) - len(ended.stdout)} bytes of its output are missing here: the host"
        " keeps no more\n"
    )


async def test_a_cut_network_loses_nothing(user: User) -> None:
    script = "read x; seq 1 50000; exit 4"
    user.leaves("-i", "-e", "PATH", "--name", "cut", "--", *programs.shell(script))
    with fault_proxy(user.url) as proxy:
        proxy.cut_after(server_bytes=100_000)
        arguments = ("attach", "--url", proxy.url, "cut")
        ended = await asyncio.to_thread(telexec, *arguments, env=user.env, stdin=b"go\n")
        assert ended == Ended(4, programs.expected_lines(1, 50_000), b"")
        assert proxy.connections > 1


def test_one_client_has_it_until_another_takes_it_over(user: User) -> None:
    name = user.leaves("-i", "--name", "fought", "--", *programs.shell(READS_LINES))
    with running(["attach", name], env=user.env, stdin=subprocess.PIPE) as first:
        first.read_until(b"ready\n")
        refused = user.does("attach", name)
        assert refused.exit_code == 125
        assert b"--take-over" in refused.stderr
        arguments = ["attach", "--take-over", name]
        with running(arguments, env=user.env, stdin=subprocess.PIPE) as second:
            second.read_until(b"ready\n")
            told = first.ended()
            assert told.exit_code == 125
            assert b"has taken it over" in told.stderr
            second.write(b"mine\n")
            second.close_stdin()
            assert second.ended() == Ended(3, b"ready\ngot mine\nend\n", b"")


def test_its_time_is_over_also_when_nobody_is_there(user: User) -> None:
    name = user.leaves("--timeout", "100ms", "--", *programs.say_and_sleep("said"))
    user.waits_for_the_end(name)
    assert user.does("attach", name) == Ended(124, b"said", b"")


@pytest.mark.parametrize("name", ["nowhere", "nowhere/abc"])
def test_what_is_not_there_is_said(user: User, name: str) -> None:
    ended = user.does("attach", name)
    assert ended.exit_code == 125
    assert b"cannot find session 'nowhere'" in ended.stderr


def test_a_session_that_is_gone_is_said_with_the_reason(user: User) -> None:
    user.leaves("--name", "over", "--", *programs.sleep())
    elsewhere = User(user.home / "elsewhere", user.url)
    assert elsewhere.does("kill", "--session", "over").exit_code == 0
    ended = user.does("attach", "over")
    assert ended.exit_code == 125
    assert b"it was ended, and its output is gone" in ended.stderr


def test_several_processes_are_told_apart(user: User) -> None:
    user.leaves("--name", "two", "--", *programs.sleep())
    second = user.leaves("--name", "two", "--", *programs.say("second"))
    user.waits_for_the_end(second)
    user.leaves("--name", "two", "--", *programs.sleep())
    ended = user.does("attach", "two")
    assert ended.exit_code == 125
    assert b"cannot tell which process 'two' is" in ended.stderr
    assert user.does("attach", second) == Ended(0, b"second", b"")
    assert user.does("kill", "--session", "two").exit_code == 0


async def test_a_terminal_is_left_with_a_key_and_found_again(user: User, screen: Terminal) -> None:
    name = user.leaves("-t", "--name", "term", "--", "sh")
    async with attached(screen, user, "term") as command:
        await screen.shows("$" if "$" in screen.screen else "#")
        await eventually(lambda: screen.is_raw, what="raw mode")
        screen.type("stty size; kept=here\r")
        await screen.shows("24 80")
        screen.resize(30, 100)
        # What is typed may overtake the news of the size.
        screen.type("until stty size | grep 30.100; do sleep 0.01; done\r")
        await screen.shows("30 100")
        screen.type("\r~d")
        assert await command.ended() == 0
        await screen.shows(f"left {name} running")
    assert not screen.is_raw
    async with attached(screen, user, name) as command:
        await eventually(lambda: screen.is_raw, what="raw mode")
        screen.type("echo still $kept; exit 6\r")
        await screen.shows("still here")
        assert await command.ended() == 6


async def test_interrupt_keys_go_to_the_terminal_of_the_process(
    user: User, screen: Terminal
) -> None:
    user.leaves("-t", "--name", "keys", "--", *programs.shell("sleep 600; echo no; exit 1"))
    async with attached(screen, user, "keys") as command:
        await eventually(lambda: screen.is_raw, what="raw mode")
        screen.type("\x03")
        assert await command.ended() == 130


async def test_a_terminal_that_closes_leaves_it_running(user: User) -> None:
    user.leaves("-t", "--name", "closed", "--", *programs.say_and_sleep("said"))
    async with terminal() as made, attached(made, user, "closed") as command:
        await made.shows("said")
        # As the end of a terminal does to who is in its foreground.
        command.send_signal(signal.SIGHUP)
        assert await command.ended() == 0
    (process,) = user.listed("closed")
    assert process["state"] == "running"
    assert procfs.is_alive(process["pid"])
    assert user.does("kill", "closed").exit_code == 0


async def test_the_end_key_ends_what_runs(user: User, screen: Terminal) -> None:
    user.leaves("-t", "--name", "hung-up", "--", *programs.say_and_sleep("said"))
    async with attached(screen, user, "hung-up") as command:
        await screen.shows("said")
        await eventually(lambda: screen.is_raw, what="raw mode")
        screen.type("~.")
        assert await command.ended() == 129
    (process,) = user.listed("hung-up")
    eventually_blocking(lambda: not procfs.is_alive(process["pid"]), what="its end")
