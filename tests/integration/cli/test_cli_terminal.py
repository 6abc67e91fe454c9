"""`telexec run -t`: a remote terminal behind the caller's."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import programs
from tests.harness.deadline import DEADLINE_S, eventually_blocking
from tests.harness.service import running_service
from tests.integration.cli.command import TELEXEC, environment, telexec
from tests.integration.cli.conftest import Host

LOCAL_FLAGS = 3


class Terminal:
    """A terminal with a user at it, and `telexec` in it."""

    def __init__(self, controller: int, terminal: int, process: "subprocess.Popen[bytes]") -> None:
        self._controller = controller
        self._terminal = terminal
        self._process = process
        self._shown = b""

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._controller, keys)

    def shows(self, text: bytes) -> None:
        """Wait until `text` is on the screen, and forget what was there."""
        give_up_at = time.monotonic() + DEADLINE_S
        while text not in self._shown:
            left_s = max(0, give_up_at - time.monotonic())
            assert select.select([self._controller], [], [], left_s)[0], (
                f"waited in vain for {text!r}; there is {self._shown!r}"
            )
            self._shown += os.read(self._controller, 65536)
        self._shown = self._shown.partition(text)[2]

    def resize(self, rows: int, columns: int) -> None:
        """Give it another size."""
        set_size(self._controller, rows, columns)

    @property
    def is_raw(self) -> bool:
        """Whether keys go through as they are typed, without echo."""
        flags = termios.tcgetattr(self._terminal)[LOCAL_FLAGS]
        return not flags & (termios.ICANON | termios.ECHO | termios.ISIG)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the command."""
        self._process.send_signal(number)

    @property
    def is_running(self) -> bool:
        """Whether the command has not ended."""
        return self._process.poll() is None

    def ended(self) -> int:
        """Wait for the command's end and return its exit code."""
        return self._process.wait(DEADLINE_S)


def set_size(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@contextmanager
def terminal_with(
    arguments: list[str], *, rows: int = 31, columns: int = 97
) -> Generator[Terminal]:
    """Run `telexec` in the foreground of a terminal of its own."""
    controller, terminal = pty.openpty()
    try:
        set_size(controller, rows, columns)
        # setsid -c makes the terminal on stdin the controlling one: SIGWINCH and ^C go by that.
        with subprocess.Popen(
            ["setsid", "-c", TELEXEC, *arguments],
            env=environment(),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        ) as process:
            try:
                yield Terminal(controller, terminal, process)
            finally:
                if process.poll() is None:
                    process.kill()
    finally:
        os.close(controller)
        os.close(terminal)


def test_the_process_has_a_terminal_of_our_size(host: Host) -> None:
    with terminal_with(host.run("-t", "--", *programs.tool("stty", "size"))) as terminal:
        terminal.shows(b"31 97")
        assert terminal.ended() == 0


def test_without_a_terminal_here_there_is_one_of_24_by_80(host: Host) -> None:
    ended = telexec(*host.run("-t", "--", *programs.tool("stty", "size")))
    assert (ended.exit_code, ended.stdout) == (0, b"24 80\r\n")


def test_keys_go_to_the_process_as_they_are_typed_and_the_mode_is_given_back(host: Host) -> None:
    script = "stty raw -echo; printf ready; dd bs=1 count=3 2>/dev/null | od -An -tx1; exit 4"
    with terminal_with(host.run("-it", "--", *programs.shell(script))) as terminal:
        terminal.shows(b"ready")
        assert terminal.is_raw
        terminal.type(b"\x03\x1a\r")
        terminal.shows(b"03 1a 0d")
        assert terminal.ended() == 4
        assert not terminal.is_raw


def test_an_interrupt_key_interrupts_the_remote_foreground(host: Host) -> None:
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    with terminal_with(host.run("-it", "--", *programs.shell(script))) as terminal:
        terminal.shows(b"ready")
        terminal.type(b"\x03")
        terminal.shows(b"caught")
        assert terminal.ended() == 5


def test_an_interrupt_key_reaches_a_process_without_a_remote_terminal(host: Host) -> None:
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    with terminal_with(host.run("--", *programs.shell(script))) as terminal:
        terminal.shows(b"ready")
        terminal.type(b"\x03")
        terminal.shows(b"caught")
        assert terminal.ended() == 5


def test_a_new_size_here_is_the_new_size_there(host: Host) -> None:
    script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"
    with terminal_with(host.run("-it", "--", *programs.shell(script))) as terminal:
        terminal.shows(b"ready")
        terminal.resize(40, 120)
        terminal.shows(b"40 120")
        terminal.send_signal(signal.SIGTERM)
        assert terminal.ended() == 143


def test_lines_typed_here_go_to_a_process_without_a_terminal_when_asked(host: Host) -> None:
    with terminal_with(host.run("-i", "--", *programs.checksum_stdin())) as terminal:
        terminal.type(b"line\n\x04")
        terminal.shows(b"  -")
        assert terminal.ended() == 0


def test_a_terminal_here_is_not_read_unless_asked(host: Host) -> None:
    with terminal_with(host.run("--", *programs.echo())) as terminal:
        assert terminal.ended() == 0


def test_the_mode_is_given_back_when_telexec_is_ended(host: Host) -> None:
    with terminal_with(host.run("-it", "--", *programs.say_and_sleep("ready"))) as terminal:
        terminal.shows(b"ready")
        eventually_blocking(lambda: terminal.is_raw, what="raw mode")
        terminal.send_signal(signal.SIGTERM)
        assert terminal.ended() == 143
        assert not terminal.is_raw


def test_interrupt_keys_that_a_hung_host_does_not_take_leave(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[shutdown]\ndrain_s = 0.0\n") as service:
        argv = ["run", "--url", service.url, "-it", "--", *programs.say_and_sleep("ready")]
        with terminal_with(argv) as terminal:
            terminal.shows(b"ready")
            eventually_blocking(lambda: terminal.is_raw, what="raw mode")
            service.send_signal(signal.SIGSTOP)

            def has_left() -> bool:
                terminal.type(b"\x03")
                return not terminal.is_running

            try:
                eventually_blocking(has_left, what="the command's end")
                assert terminal.ended() == 130
                assert not terminal.is_raw
            finally:
                service.send_signal(signal.SIGCONT)
