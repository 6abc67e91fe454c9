"""The leak checks see leaks: a check that cannot fail would prove nothing."""

import asyncio
import os
import subprocess

import pytest

from tests.harness import leaks, procfs, programs
from tests.harness.deadline import eventually_blocking


def test_an_open_descriptor_is_a_leak() -> None:
    fds: list[int] = []
    with (
        pytest.raises(leaks.LeakError, match="descriptors"),
        leaks.no_process_or_descriptor_left(grace_s=0.1),
    ):
        fds.append(os.open("/dev/null", os.O_RDONLY))
    os.close(fds[0])


def test_a_child_is_a_leak_and_is_ended() -> None:
    started: list[subprocess.Popen[bytes]] = []
    with (
        pytest.raises(leaks.LeakError, match="sleep"),
        leaks.no_process_or_descriptor_left(grace_s=0.1),
    ):
        started.append(subprocess.Popen(programs.sleep()))
    # The check has reaped it as well, so there is no status left to be had.
    assert started[0].wait() == 0


def test_what_a_dead_child_left_running_is_a_leak() -> None:
    with (
        pytest.raises(leaks.LeakError, match="sleep"),
        leaks.no_process_or_descriptor_left(grace_s=0.1),
    ):
        subprocess.run(programs.shell("sleep 600 &"), check=True)


def test_an_orphan_that_ends_by_itself_is_no_leak() -> None:
    with leaks.no_process_or_descriptor_left():
        printed = subprocess.run(
            programs.shell("sleep 0.1 >/dev/null & echo $!"), check=True, stdout=subprocess.PIPE
        )
    orphan = int(printed.stdout)
    # Seen at its very end it may still be there, as a zombie; the next look takes it away.
    eventually_blocking(lambda: not procfs.is_alive(orphan))


async def test_a_task_is_a_leak() -> None:
    forever = asyncio.Event()
    tasks: list[asyncio.Task[bool]] = []
    with pytest.raises(leaks.LeakError, match="forgotten"):
        async with leaks.no_task_left(grace_s=0.1):
            tasks.append(asyncio.create_task(forever.wait(), name="forgotten"))
    forever.set()
    await tasks[0]


def test_descendants_and_zombies_are_seen() -> None:
    with subprocess.Popen(
        programs.shell("sleep 600 & wait"), stdout=subprocess.PIPE, start_new_session=True
    ) as shell:
        eventually_blocking(
            lambda: {entry.name for entry in procfs.descendants(os.getpid())} >= {"sh", "sleep"}
        )
        os.killpg(shell.pid, 9)
        eventually_blocking(lambda: not procfs.is_alive(shell.pid))
        entry = procfs.process(shell.pid)
        assert entry is not None
        assert entry.state == "Z"
