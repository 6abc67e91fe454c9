"""Signals to `telexec run` reach the remote process, and nothing of it is left behind."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.deadline import eventually_blocking
from tests.harness.service import running_service
from tests.integration.cli.command import Command, Ended, running
from tests.integration.cli.conftest import Host

TELLS_ITS_PID = 'echo "pid $$"; '


def remote_pid(command: Command) -> int:
    """Return the pid that the remote process has printed; hosts are on this machine."""
    return int(command.read_until(b"\n").split()[1])


def interrupted(command: Command) -> Command:
    command.press_interrupt()
    return command


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_an_interrupt_reaches_the_process_and_its_end_is_ours(host: Host) -> None:
    argv = programs.shell(TELLS_ITS_PID + "exec sleep 600")
    with running(host.run("--", *argv)) as command:
        pid = remote_pid(command)
        command.press_interrupt()
        ended = command.ended()
    assert (ended.exit_code, ended.stderr) == (130, b"")
    eventually_blocking(lambda: is_gone(pid), what="the end of the remote process")


def test_a_process_may_handle_an_interrupt_and_go_on(host: Host) -> None:
    script = "trap 'echo caught; exit 7' INT; " + TELLS_ITS_PID + "while :; do sleep 0.05; done"
    with running(host.run("--", *programs.shell(script))) as command:
        remote_pid(command)
        command.press_interrupt()
        ended = command.ended()
    assert ended.exit_code == 7
    assert ended.stdout.endswith(b"caught\n")


def test_a_second_interrupt_terminates_a_process_that_ignores_the_first(host: Host) -> None:
    script = "trap 'echo caught' INT; " + TELLS_ITS_PID + "while :; do sleep 0.05; done"
    with running(host.run("--", *programs.shell(script))) as command:
        pid = remote_pid(command)
        command.press_interrupt()
        command.read_until(b"caught\n")
        command.press_interrupt()
        ended = command.ended()
    assert ended.exit_code in {128 + signal.SIGTERM, 128 + signal.SIGKILL}
    eventually_blocking(lambda: is_gone(pid), what="the end of the remote process")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_ends_telexec_ends_the_process(host: Host, number: signal.Signals) -> None:
    argv = programs.shell(TELLS_ITS_PID + "exec sleep 600")
    with running(host.run("--", *argv)) as command:
        pid = remote_pid(command)
        command.send_signal(number)
        ended = command.ended()
    assert (ended.exit_code, ended.stderr) == (128 + number, b"")
    assert is_gone(pid)


def test_a_hangup_that_is_ignored_stays_ignored(host: Host) -> None:
    script = TELLS_ITS_PID + "read -r line; echo $line"
    nohup = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
    with running(
        host.run("--", *programs.shell(script)), stdin=subprocess.PIPE, through=nohup
    ) as command:
        remote_pid(command)
        command.send_signal(signal.SIGHUP)
        command.write(b"still here\n")
        ended = command.ended()
    assert ended.exit_code == 0
    assert ended.stdout.endswith(b"still here\n")


def test_an_end_does_not_wait_for_a_reader_that_is_stuck(host: Host) -> None:
    script = TELLS_ITS_PID + "exec yes"
    with running(host.run("--", *programs.shell(script))) as command:
        pid = remote_pid(command)
        command.send_signal(signal.SIGTERM)
        # Nothing is read until the command has ended.
        eventually_blocking(lambda: not command.is_running, what="the end of the command")
        assert command.ended().exit_code == 143
    assert is_gone(pid)


def test_a_third_interrupt_leaves_a_host_that_does_not_answer(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        arguments = ["run", "--url", service.url, "--", *programs.say_and_sleep("ready\n")]
        with running(arguments) as command:
            command.read_until(b"ready\n")
            service.send_signal(signal.SIGSTOP)
            try:
                # Two that come at the same time are one, so it may take more than three.
                eventually_blocking(lambda: not interrupted(command).is_running)
                ended = command.ended()
            finally:
                service.send_signal(signal.SIGCONT)
    assert (ended.exit_code, ended.stderr) == (130, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_wait_for_a_host_that_does_not_answer(number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        with running(["run", "--url", url, "--", "true"]) as command:
            connection, _ = silent.accept()
            with connection:
                command.send_signal(number)
                ended = command.ended()
    assert ended == Ended(128 + number, b"", b"")


def test_a_process_may_be_ended_as_soon_as_its_telexec_is_gone(remote: Host) -> None:
    argv = programs.shell(TELLS_ITS_PID + "exec sleep 600")
    with running(remote.run("--on-disconnect", "kill", "--", *argv)) as command:
        pid = remote_pid(command)
        os.kill(command.pid, signal.SIGKILL)
        eventually_blocking(lambda: is_gone(pid), what="the end of the remote process")


@pytest.mark.parametrize("value", ["never", "0", "kill"])
def test_what_is_to_happen_without_a_connection_must_make_sense(value: str) -> None:
    # The embedded host has no connection that could be lost.
    with running(["run", "--on-disconnect", value, "--", "true"]) as command:
        ended = command.ended()
    assert ended.exit_code == 125
    assert ended.stderr.startswith(b"telexec: cannot ")
