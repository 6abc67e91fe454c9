import asyncio
import fcntl
import os
import signal

import pytest

from telexec_schemas.errors import ErrorReason
from telexec_schemas.identifiers import WriteId
from telexec_schemas.process import EndReason, TerminalSize
from telexec_service.config import Limits
from telexec_service.core.events import Closed, Exited, Output
from telexec_service.core.failure import RpcFailure
from tests.component.service.conftest import Runner, deliver, output_of
from tests.harness import procfs

LIBRARY_SIGNALS = 1 << 31 | 1 << 32
"""32 and 33 belong to the C library, which lets nobody change them (nptl(7))."""

pytestmark = pytest.mark.both_loops


async def test_output_then_exit_then_close_are_the_events_of_a_process(runner: Runner) -> None:
    events = await runner.closed(runner.start(["sh", "-c", "echo out; echo err >&2; exit 3"]))

    assert output_of(events, "stdout") == b"out\n"
    assert output_of(events, "stderr") == b"err\n"
    assert [type(event) for event in events[-2:]] == [Exited, Closed]
    assert events[-2].exit_code == 3
    assert events[-2].reason == EndReason.EXITED


@pytest.mark.parametrize("size", [None, TerminalSize()])
async def test_death_by_a_signal_is_told_with_its_name(
    runner: Runner, size: TerminalSize | None
) -> None:
    events = await runner.closed(runner.start(["sh", "-c", "kill -USR1 $$"], size=size))

    assert events[-2].exit_code == 128 + signal.SIGUSR1
    assert events[-2].signal == "SIGUSR1"
    assert events[-2].reason == EndReason.SIGNALED


async def test_what_was_written_before_the_exit_comes_before_it_though_nobody_took_it_yet(
    runner: Runner,
) -> None:
    limits = Limits(retained_bytes=64 * 1024)
    process = runner.start(["head", "-c", "600000", "/dev/zero"], limits=limits, delivers=False)
    await runner.until(lambda: not process.is_running)
    assert process.log.exit is None
    size = 0

    while not process.log.is_closed:
        for event in iter(process.delivery.next_event, None):
            assert not isinstance(event, Output) or process.log.exit is None or event.end <= 600000
            process.delivery.mark_sent(event)
        process.regulate()
        size = process.log.total_bytes
        if not process.log.is_closed:
            runner.changed.clear()
            await runner.changed.wait()

    assert size == 600000
    assert process.log.exit is not None
    assert process.log.exit.seq == process.log.next_seq - 2


async def test_a_process_that_nobody_reads_waits_and_its_memory_is_bounded(runner: Runner) -> None:
    process = runner.start(["yes"], limits=Limits(retained_bytes=256 * 1024), delivers=False)

    await runner.until(lambda: process.delivery.is_log_full)

    assert process.log.retained_bytes <= 256 * 1024 + 64 * 1024
    deliver(process)
    process.regulate()
    before = process.log.total_bytes
    await runner.until(lambda: process.log.total_bytes > before)


async def test_the_exit_is_not_held_back_by_a_grandchild_that_keeps_the_pipe(
    runner: Runner,
) -> None:
    process = runner.start(["sh", "-c", "sleep 1000 & echo started"])

    await runner.until(lambda: process.log.exit)

    assert output_of(list(process.log.events_after(0)), "stdout") == b"started\n"
    assert not process.log.is_closed


async def test_ending_a_finished_process_ends_what_it_left_behind(runner: Runner) -> None:
    process = runner.start(["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"])
    events = await runner.closed(process)
    grandchild = int(output_of(events, "stdout"))
    os.kill(grandchild, 0)

    # The test's own process adopted the grandchild, and nobody waits for it in the background.
    assert await process.end(EndReason.TERMINATED, 0) == ()
    assert not procfs.is_alive(grandchild)


async def test_a_timeout_ends_with_term_first_and_kill_for_who_ignores_it(runner: Runner) -> None:
    polite = runner.start(["sleep", "1000"])
    stubborn = runner.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"])
    await runner.until(lambda: stubborn.log.total_bytes)
    polite.end_after(0.01, 1000)
    stubborn.end_after(0.01, 0.01)

    polite_end = (await runner.closed(polite))[-2]
    await runner.until(lambda: stubborn.log.exit)

    assert (polite_end.signal, polite_end.reason) == ("SIGTERM", EndReason.TIMEOUT)
    assert stubborn.log.exit is not None
    assert (stubborn.log.exit.signal, stubborn.log.exit.reason) == ("SIGKILL", EndReason.TIMEOUT)


async def test_terminate_kills_the_group_once_and_says_whether_it_ran(runner: Runner) -> None:
    process = runner.start(["sh", "-c", "sleep 1000 | cat"])

    assert process.terminate()
    events = await runner.closed(process)

    assert events[-2].exit_code == 137
    assert events[-2].reason == EndReason.TERMINATED
    assert not process.terminate()


async def test_writes_arrive_in_order_however_slowly_the_child_reads(runner: Runner) -> None:
    limits = Limits(stdin_buffer_bytes=4096)
    process = runner.start(["sh", "-c", "sleep 0.2; cat"], pipe_stdin=True, limits=limits)
    parts = [bytes([65 + number % 26]) * 100_000 for number in range(30)]
    outcomes = [process.write(part, WriteId(str(n))) for n, part in enumerate(parts)]
    assert not all(isinstance(outcome, str) for outcome in outcomes)
    process.end_input()

    events = await runner.closed(process)

    assert output_of(events[-100:], "stdout") in b"".join(parts)
    assert process.log.total_bytes == 3_000_000
    assert {o if isinstance(o, str) else o.result() for o in outcomes} == {"accepted"}


async def test_a_write_that_is_sent_again_is_not_written_again(runner: Runner) -> None:
    process = runner.start(["cat"], pipe_stdin=True)

    for _ in range(3):
        assert process.write(b"once\n", WriteId("w")) == "accepted"
    process.end_input()

    assert output_of(await runner.closed(process), "stdout") == b"once\n"


async def test_writes_that_wait_learn_that_the_child_is_gone(runner: Runner) -> None:
    process = runner.start(["sleep", "1000"], pipe_stdin=True, limits=Limits(stdin_buffer_bytes=1))
    waiting = process.write(b"x" * 3_000_000, WriteId("w"))
    assert not isinstance(waiting, str)

    process.terminate()

    assert await waiting == "stdinClosed"
    await runner.closed(process)
    assert process.write(b"x", WriteId("later")) == "stdinClosed"


async def test_more_input_than_the_limit_is_refused_and_nothing_of_it_written(
    runner: Runner,
) -> None:
    limits = Limits(stdin_backlog_bytes=2_000_000)
    process = runner.start(["sh", "-c", "read x; cat"], pipe_stdin=True, limits=limits)

    with pytest.raises(RpcFailure) as got:
        process.write(b"x" * 2_000_001, WriteId("w"))

    assert got.value.reason is ErrorReason.LIMIT_REACHED
    assert (got.value.subject, got.value.limit) == ("stdin_backlog_bytes", 2_000_000)
    process.write(b"first\nsecond\n", WriteId("v"))
    process.end_input()
    assert output_of(await runner.closed(process), "stdout") == b"second\n"


async def test_a_child_without_a_pipe_has_an_empty_stdin(runner: Runner) -> None:
    process = runner.start(["cat"])

    assert process.write(b"x", WriteId("w")) == "stdinClosed"
    assert output_of(await runner.closed(process), "stdout") == b""


async def test_the_pty_is_the_controlling_terminal_and_has_the_size(runner: Runner) -> None:
    size = TerminalSize(rows=11, columns=77)
    script = "stty size; exec 3</dev/tty && echo has-tty; ps -o pid=,pgid=,sid=,tpgid= -p $$"
    process = runner.start(["sh", "-c", script], size=size)

    lines = output_of(await runner.closed(process), "pty").split(b"\r\n")

    assert lines[:2] == [b"11 77", b"has-tty"]
    assert set(lines[2].split()) == {str(process.pid).encode()}


async def test_a_resize_reaches_the_program(runner: Runner) -> None:
    script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done"
    process = runner.start(["sh", "-c", script], size=TerminalSize())
    await runner.until(lambda: process.log.total_bytes)

    process.resize(TerminalSize(rows=5, columns=60))

    assert b"5 60" in output_of(await runner.closed(process), "pty")


async def test_end_of_input_on_a_pty_is_control_d(runner: Runner) -> None:
    process = runner.start(["cat"], size=TerminalSize())
    process.write(b"line\n", WriteId("w"))
    process.end_input()

    events = await runner.closed(process)

    assert output_of(events, "pty").count(b"line") == 2  # the echo, and what cat says
    assert events[-2].exit_code == 0


async def test_an_end_of_input_that_is_asked_for_again_is_one_end(runner: Runner) -> None:
    process = runner.start(["sh", "-c", "cat; echo first; cat; echo second"], size=TerminalSize())
    process.end_input()
    process.end_input()
    await runner.until(lambda: b"first" in output_of(list(process.log.events_after(0)), "pty"))
    process.write(b"more\n", WriteId("w"))
    process.end_input()

    shown = output_of(await runner.closed(process), "pty")

    assert shown.index(b"first") < shown.index(b"more") < shown.index(b"second")


@pytest.mark.parametrize("size", [None, TerminalSize()])
async def test_a_child_gets_only_its_three_descriptors_and_default_signals(
    runner: Runner, size: TerminalSize | None
) -> None:
    listing = runner.start(["ls", "/proc/self/fd"], size=size)
    status = runner.start(["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"], size=size)
    stream = "pty" if size else "stdout"

    descriptors = output_of(await runner.closed(listing), stream).split()
    masks = output_of(await runner.closed(status), stream).split()

    assert descriptors == [b"0", b"1", b"2", b"3"]  # 3 is the directory that ls reads
    assert masks[0::2] == [b"SigBlk:", b"SigIgn:"]
    assert [int(mask, 16) & ~LIBRARY_SIGNALS for mask in masks[1::2]] == [0, 0]


async def test_dev_stdin_can_be_opened(runner: Runner) -> None:
    process = runner.start(["sh", "-c", "cat /dev/stdin > /dev/stdout"], pipe_stdin=True)
    process.write(b"through\n", WriteId("w"))
    process.end_input()

    assert output_of(await runner.closed(process), "stdout") == b"through\n"


async def test_how_a_process_ended_is_known_when_nothing_is_left_of_it(runner: Runner) -> None:
    process = runner.start(["sleep", "1000"])

    def die() -> None:
        # In the turn of the loop in which it is looked for, which so cannot say that it ended.
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    asyncio.get_running_loop().call_later(0, die)
    survivors = await process.end(EndReason.TERMINATED, 0)

    assert survivors == ()
    assert process.exit is not None
    assert process.exit.signal == "SIGKILL"


async def test_only_a_pipe_that_carries_much_is_widened(runner: Runner) -> None:
    quiet = runner.start(["sh", "-c", "echo little; read forever"], pipe_stdin=True)
    loud = runner.start(["sh", "-c", "yes"])
    patient = runner.start(["sleep", "1000"], pipe_stdin=True)
    patient.write(b"x" * 200_000, WriteId("w"))

    await runner.until(lambda: quiet.log.total_bytes and loud.log.total_bytes > 2**20)

    assert capacity_of(quiet.pid, 0) == capacity_of(quiet.pid, 1) == capacity_of(quiet.pid, 2)
    assert capacity_of(loud.pid, 1) == capacity_of(patient.pid, 0) == 2**20
    assert capacity_of(loud.pid, 2) == capacity_of(quiet.pid, 2) < 2**20


def capacity_of(pid: int, descriptor: int) -> int:
    own = os.open(f"/proc/{pid}/fd/{descriptor}", os.O_RDWR | os.O_NONBLOCK)
    try:
        return fcntl.fcntl(own, fcntl.F_GETPIPE_SZ)
    finally:
        os.close(own)
