"""`telexec shell` in a real terminal."""

from pathlib import Path

import pytest

from tests.harness.deadline import eventually
from tests.harness.required import required_program
from tests.harness.server import Server
from tests.harness.terminal import Terminal
from tests.integration.shell.conftest import PROMPT, bash, telexec_in


async def test_it_is_the_hosts_shell_with_the_terminal_here(screen: Terminal, host: Server) -> None:
    async with bash(screen, host.url) as command:
        screen.type("stty size; echo $TERM; shopt login_shell; exit 7\r")
        await screen.shows("24 80\nxterm-256color\nlogin_shell     on\n")
        assert await command.ended() == 7
    assert not screen.is_raw


async def test_interrupts_and_stops_are_for_what_runs_there(screen: Terminal, host: Server) -> None:
    async with bash(screen, host.url) as command:
        screen.type("sh -c 'echo one; exec sleep 600'\r")
        await screen.shows("\none")
        screen.type("\x1a")
        await screen.shows("Stopped")
        screen.type("kill %1; sh -c 'echo two; exec sleep 600'\r")
        await screen.shows("\ntwo")
        screen.type("\x03")
        await screen.shows("^C")
        screen.type("echo code $?\r")
        await screen.shows("code 130")
        screen.type("exit\r")
        assert await command.ended() == 0


async def test_a_file_is_edited_with_vi(screen: Terminal, host: Server, home: Path) -> None:
    vi = required_program("vi")
    async with bash(screen, host.url) as command:
        screen.type(f"{vi} -u NONE note\r")
        await screen.shows("~\n~\n~")
        screen.type("ifirst line\rsecond line\x1b")
        await screen.shows("first line\nsecond line\n~")
        screen.type(":wq\r")
        await screen.shows(PROMPT)
        screen.type("exit\r")
        assert await command.ended() == 0
    assert (home / "note").read_text() == "first line\nsecond line\n"


async def test_text_is_paged_with_less(screen: Terminal, host: Server) -> None:
    less = required_program("less")
    async with bash(screen, host.url) as command:
        screen.type(f"seq 1000 | {less}\r")
        await screen.shows("\n23\n:")
        screen.type(" ")
        await screen.shows("\n46\n:")
        screen.type("G")
        await screen.shows("\n1000\n(END)")
        screen.type("q")
        await screen.shows(PROMPT)
        screen.type("exit\r")
        assert await command.ended() == 0


async def test_a_new_size_is_seen_by_the_program_that_runs(screen: Terminal, host: Server) -> None:
    top = required_program("top")
    async with bash(screen, host.url) as command:
        screen.type(f"{top} -d 600\r")
        await screen.shows("load average")
        screen.resize(10, 50)
        # It draws again only because it was told the size.
        await screen.until(lambda: len(screen.screen.splitlines()) == 10, what="ten lines")
        screen.type("q")
        await screen.shows(PROMPT)
        screen.type("stty size; exit\r")
        await screen.shows("10 50")
        assert await command.ended() == 0


async def test_tilde_dot_ends_what_runs_there(screen: Terminal, host: Server) -> None:
    async with bash(screen, host.url) as command:
        screen.type("echo pid $$; sleep 600\r")
        await screen.shows("\npid ")
        pid = int(screen.screen.partition("\npid ")[2].split()[0])
        screen.type("\r~.")
        assert await command.ended() == 129
        assert not screen.is_raw
        await eventually(lambda: not Path(f"/proc/{pid}").exists(), what="the shell's end")


async def test_tilde_is_a_key_like_others_within_a_line_and_twice(
    screen: Terminal, host: Server
) -> None:
    async with bash(screen, host.url) as command:
        screen.type("echo a~. ~?\r")
        await screen.shows("\na~. ~?\n")
        screen.type("~~x b\x01echo \r")
        await screen.shows("\n~x b\n")
        screen.type("~?")
        await screen.shows("~.   end what runs there")
        assert "detach" not in screen.screen
        screen.type("exit\r")
        assert await command.ended() == 0


async def test_without_an_escape_all_keys_are_for_the_host(screen: Terminal, host: Server) -> None:
    async with telexec_in(screen, "shell", "--url", host.url, "--escape", "none", "cat") as command:
        await eventually(lambda: screen.is_raw, what="raw mode")
        screen.type("~.\r")
        await screen.shows("~.\n~.")
        screen.type("\x04")
        assert await command.ended() == 0


@pytest.mark.codex
async def test_on_a_host_that_knows_no_sizes_it_says_so_and_goes_on(
    screen: Terminal, exec_server: Server
) -> None:
    argv = ("shell", "--url", exec_server.url, "--", "sh", "-c", "stty size; echo $TERM; exec cat")
    async with telexec_in(screen, *argv) as command:
        await screen.shows("telexec: the host cannot set the size of a terminal")
        await screen.shows("24 80\nxterm-256color")
        screen.resize(30, 90)
        screen.type("line\r")
        await screen.shows("line\nline")
        screen.type("~.")
        assert await command.ended() == 129
