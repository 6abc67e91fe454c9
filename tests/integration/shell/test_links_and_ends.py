"""`telexec shell` when the network, the host or telexec itself is ended: the terminal survives."""

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from tests.harness.deadline import eventually
from tests.harness.fault_proxy import FaultProxy
from tests.harness.procfs import is_alive, process
from tests.harness.required import required_program
from tests.harness.server import Server
from tests.harness.terminal import Terminal, terminal
from tests.integration.cli.command import TELEXEC, environment, telexec
from tests.integration.shell.conftest import PROMPT, bash, telexec_in

LOST = "telexec: the connection is lost"
BACK = "telexec: the connection is back"


def shown_pid(screen: Terminal) -> int:
    """Return what `echo pid $$` has shown."""
    return int(screen.screen.partition("\npid ")[2].split()[0])


def is_stopped(pid: int) -> bool:
    entry = process(pid)
    return entry is not None and entry.state == "T"


async def test_a_cut_network_is_survived_and_said(
    screen: Terminal, host: Server, proxy: FaultProxy
) -> None:
    async with bash(screen, proxy.url) as command:
        screen.type("kept=here; echo ready; for n in 1 2 3; do read line; echo $n $line; done\r")
        await screen.shows("\nready")
        proxy.refuse()
        proxy.cut()
        await screen.shows(LOST)
        screen.type("typed\r")
        proxy.accept()
        await screen.shows(BACK)
        await screen.shows("\n1 typed")
        screen.type("again\r\rstty size; echo $kept; exit 3\r")
        await screen.shows("\n24 80\nhere\n")
        assert await command.ended() == 3


async def test_a_network_that_is_back_at_once_is_not_mentioned(
    screen: Terminal, host: Server, proxy: FaultProxy
) -> None:
    async with bash(screen, proxy.url) as command:
        proxy.cut()
        await proxy.until_connections(2)
        screen.type("echo so\r")
        await screen.shows("\nso\n")
        screen.type("exit\r")
        assert await command.ended() == 0
    assert "connection" not in screen.screen


async def test_a_program_on_the_whole_screen_is_drawn_anew_after_a_cut(
    screen: Terminal, host: Server, proxy: FaultProxy, home: Path
) -> None:
    vi = required_program("vi")
    async with bash(screen, proxy.url) as command:
        screen.type(f"{vi} -u NONE note\r")
        await screen.shows("[New File]")
        screen.type("iline\x1b")
        await screen.shows("line\n~")
        proxy.refuse()
        proxy.cut()
        await screen.shows(LOST)
        # It is on the last row, and the rest is as it was.
        assert screen.screen.splitlines()[0] == "line"
        assert screen.screen.splitlines()[-1].startswith(LOST)
        proxy.accept()
        await screen.shows_no("telexec:")
        await screen.shows("line\n~\n~")
        screen.type(":wq\r")
        await screen.shows(PROMPT)
        screen.type("exit\r")
        assert await command.ended() == 0
    assert (home / "note").read_text() == "line\n"


async def test_tilde_dot_leaves_at_once_while_there_is_no_network(
    screen: Terminal, host: Server, proxy: FaultProxy
) -> None:
    async with bash(screen, proxy.url) as command:
        proxy.refuse()
        proxy.cut()
        await screen.shows(LOST)
        screen.type("\r~.")
        assert await command.ended() == 129


async def test_tilde_dot_twice_leaves_at_once_where_the_host_says_nothing(
    screen: Terminal, host: Server, proxy: FaultProxy
) -> None:
    async with bash(screen, proxy.url) as command:
        proxy.stall()
        screen.type("~.~.")
        assert await command.ended() == 129
        proxy.resume()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
async def test_a_signal_that_ends_telexec_ends_the_shell_and_gives_the_terminal_back(
    screen: Terminal, host: Server, number: signal.Signals
) -> None:
    async with bash(screen, host.url) as command:
        screen.type("echo pid $$\r")
        await screen.shows("\npid ")
        pid = shown_pid(screen)
        command.send_signal(number)
        assert await command.ended() == 128 + number
    assert not screen.is_raw
    await eventually(lambda: not is_alive(pid), what="the shell's end")


async def test_what_a_program_did_to_the_screen_is_undone_when_it_cannot(
    screen: Terminal, mortal_host: Server
) -> None:
    vi = required_program("vi")
    async with bash(screen, mortal_host.url) as command:
        screen.type(f"{vi} -u NONE note\r")
        await screen.shows("[New File]")
        assert b"\x1b[?1049h" in screen.shown
        mortal_host.send_signal(signal.SIGKILL)
        assert await command.ended() == 125
    ends = screen.shown.rpartition(b"\x1b[?1049l")[2]
    assert b"telexec: cannot go on with the session" in ends


async def test_stopping_telexec_gives_the_terminal_back_until_it_goes_on(
    screen: Terminal, host: Server
) -> None:
    before = screen.settings
    async with bash(screen, host.url) as command:
        screen.type("\r~\x1a")
        await eventually(lambda: is_stopped(command.pid), what="the stop")
        assert screen.settings == before
        screen.resize(30, 100)
        command.send_signal(signal.SIGCONT)
        await eventually(lambda: screen.is_raw, what="raw mode")
        # What is typed may overtake the news of the size.
        screen.type("until stty size | grep 30.100; do sleep 0.01; done; exit\r")
        await screen.shows("30 100")
        assert await command.ended() == 0


async def test_a_program_on_the_whole_screen_is_put_aside_while_telexec_is_stopped(
    screen: Terminal, host: Server
) -> None:
    vi = required_program("vi")
    async with bash(screen, host.url) as command:
        screen.type(f"{vi} -u NONE note\r")
        await screen.shows("[New File]")
        before = len(screen.shown)
        command.send_signal(signal.SIGTSTP)
        await eventually(lambda: is_stopped(command.pid), what="the stop")
        await screen.until(lambda: b"\x1b[?1049l" in screen.shown[before:], what="the usual screen")
        before = len(screen.shown)
        command.send_signal(signal.SIGCONT)
        await screen.until(lambda: b"\x1b[?1049h" in screen.shown[before:], what="vi's screen")
        screen.type("iline\x1b")
        await screen.shows("line\n~\n~")
        screen.type(":q!\r")
        await screen.shows(PROMPT)
        screen.type("exit\r")
        assert await command.ended() == 0


async def test_detached_it_goes_on_and_can_be_come_back_to(
    screen: Terminal, host: Server, tmp_path: Path
) -> None:
    here = str(tmp_path / "here")
    async with bash(screen, host.url, "--name", "work", home=here) as command:
        screen.type("kept=this\r~d")
        await screen.shows("telexec: left work running; telexec attach work comes back to it")
        assert await command.ended() == 0
    async with telexec_in(screen, "shell", "--url", host.url, "--name", "work", home=here) as other:
        await screen.shows("telexec: cannot make a session called 'work': there is one")
        assert await other.ended() == 125
    async with telexec_in(screen, "attach", "work", home=here) as command:
        await eventually(lambda: screen.is_raw, what="raw mode")
        screen.type("echo $kept; exit 4\r")
        await screen.shows("\nthis\n")
        assert await command.ended() == 4


@pytest.mark.parametrize("busy", ["", "while :; do echo $n; n=$((n+1)); done\r"])
async def test_a_terminal_that_closes_leaves_a_shell_with_a_name_running(
    host: Server, tmp_path: Path, busy: str
) -> None:
    here = str(tmp_path / "here")
    named = ("--name", "work")
    async with terminal() as closing, bash(closing, host.url, *named, home=here) as command:
        closing.type("echo pid $$\r")
        await closing.shows("\npid ")
        pid = shown_pid(closing)
        closing.type(busy)
        closing.close()
        assert await command.ended() == 0
    assert is_alive(pid)
    ended = telexec("kill", "work", env={"HOME": here})
    assert (ended.exit_code, ended.stderr) == (0, b"")
    await eventually(lambda: not is_alive(pid), what="the shell's end")


async def test_a_terminal_that_closes_ends_a_shell_without_a_name(host: Server) -> None:
    async with terminal() as closing, bash(closing, host.url) as command:
        closing.type("echo pid $$\r")
        await closing.shows("\npid ")
        pid = shown_pid(closing)
        closing.close()
        assert await command.ended() == 129
    await eventually(lambda: not is_alive(pid), what="the shell's end")


@pytest.mark.parametrize("missing", ["standard input", "standard output"])
def test_without_a_terminal_it_says_what_to_use(missing: str) -> None:
    controller, device = pty.openpty()
    try:
        done = subprocess.run(
            [TELEXEC, "shell"],
            stdin=subprocess.DEVNULL if missing == "standard input" else device,
            stdout=device if missing == "standard input" else subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    finally:
        os.close(controller)
        os.close(device)
    assert done.returncode == 125
    assert done.stderr.startswith(f"telexec: cannot open a shell: {missing} is not".encode())
    assert b"telexec run" in done.stderr
