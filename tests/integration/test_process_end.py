"""How a process ends, and what a peer is told of it."""

import os
import signal

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, RawProcess, raw_peer
from tests.harness.server import Server

TTY = pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])


async def printed_pids(process: RawProcess) -> list[int]:
    """Return the numbers in the first line of output."""
    output = await process.until_output(b"\n")
    return [int(word) for word in output.splitlines()[0].split() if word.isdigit()]


async def until_dead(*pids: int) -> None:
    """Wait until none of these runs."""
    await eventually(lambda: not any(map(procfs.is_alive, pids)), what=f"the end of {pids}")


@TTY
@pytest.mark.parametrize("code", [0, 1, 7, 255])
async def test_the_exit_code_is_the_programs_own(
    any_peer: RawPeer, code: int, *, tty: bool
) -> None:
    process = await any_peer.start(programs.exit_with(code), tty=tty)
    exited = await process.until_closed()
    assert exited["exitCode"] == code
    assert exited["reason"] == "exited"
    assert "signal" not in exited
    assert exited["sandboxDenied"] is False


@TTY
@pytest.mark.parametrize("name", ["TERM", "KILL", "INT", "HUP", "SEGV", "USR1"])
async def test_death_by_a_signal_is_128_and_its_number(
    peer: RawPeer, name: str, *, tty: bool
) -> None:
    process = await peer.start(programs.die_by(name), tty=tty)
    exited = await process.until_closed()
    assert exited["exitCode"] == 128 + signal.Signals[f"SIG{name}"]
    assert exited["signal"] == f"SIG{name}"
    assert exited["reason"] == "signaled"


@TTY
async def test_a_late_reader_is_told_the_same(peer: RawPeer, *, tty: bool) -> None:
    process = await peer.start(programs.shell("echo out; exit 3"), tty=tty)
    await process.until_closed()
    batch = await process.read()
    assert (batch["exited"], batch["exitCode"], batch["closed"]) == (True, 3, True)
    assert batch["reason"] == "exited"
    assert batch["failure"] is None
    assert batch["nextSeq"] == len(process.seqs) + 1


async def test_what_a_plain_peer_is_told_has_nothing_it_must_not_know(plain_peer: RawPeer) -> None:
    process = await plain_peer.start(programs.say("x"))
    exited = await process.until_closed()
    assert exited.keys() >= {"processId", "seq", "exitCode", "sandboxDenied"}
    assert process.started.keys() >= {"processId", "sandboxType"}
    assert process.started["sandboxType"] == "none"


@TTY
async def test_all_output_comes_before_the_end(peer: RawPeer, *, tty: bool) -> None:
    process = await peer.start(programs.numbered_lines(1, 20_000), tty=tty)
    await process.until_closed()
    assert process.output().replace(b"\r\n", b"\n") == programs.expected_lines(1, 20_000)
    kinds = [event["method"] for event in process.events]
    assert kinds[-2:] == ["process/exited", "process/closed"]
    assert set(kinds[:-2]) == {"process/output"}


async def test_both_streams_are_told_apart(peer: RawPeer) -> None:
    process = await peer.start(programs.say_both("to out", "to err"))
    await process.until_closed()
    assert process.output("stdout") == b"to out"
    assert process.output("stderr") == b"to err"


async def test_a_terminal_has_one_stream(peer: RawPeer) -> None:
    process = await peer.start(programs.say_both("out ", "err"), tty=True)
    await process.until_closed()
    assert process.output("pty") == b"out err"
    assert process.output("stdout", "stderr") == b""


async def test_the_exit_is_told_while_a_grandchild_holds_the_pipe(peer: RawPeer) -> None:
    process = await peer.start(programs.grandchild_that_holds_the_pipe(exit_code=6))
    exited = await process.until_exited()
    assert exited["exitCode"] == 6
    (grandchild,) = await printed_pids(process)
    # What the pipe already held came first.
    assert process.events[0]["method"] == "process/output"
    assert not process.is_closed
    assert procfs.is_alive(grandchild)
    batch = await process.read()
    assert (batch["exited"], batch["exitCode"], batch["closed"]) == (True, 6, False)
    os.kill(grandchild, signal.SIGKILL)
    await process.until_closed()


async def test_what_a_grandchild_still_says_is_told(peer: RawPeer) -> None:
    script = "exec 3<&0; (read line <&3; echo late) & echo early; exit 2"
    process = await peer.start(programs.shell(script), pipeStdin=True)
    assert (await process.until_exited())["exitCode"] == 2
    await process.until_output(b"early\n")
    assert await process.write(b"go\n") == "accepted"
    await process.until_closed()
    assert process.output() == b"early\nlate\n"


@TTY
async def test_terminate_ends_the_whole_group(peer: RawPeer, *, tty: bool) -> None:
    process = await peer.start(programs.family(3), tty=tty)
    pids = await printed_pids(process)
    assert len(pids) == 4
    assert await process.terminate() is True
    exited = await process.until_closed()
    assert exited["exitCode"] == 137
    assert exited["signal"] == "SIGKILL"
    assert exited["reason"] == "terminated"
    await until_dead(*pids)
    assert await process.terminate() is False


@TTY
async def test_terminate_does_not_ask(peer: RawPeer, *, tty: bool) -> None:
    process = await peer.start(programs.ignore_term(), tty=tty)
    await process.until_output(b"ready")
    assert await process.terminate() is True
    assert (await process.until_closed())["exitCode"] == 137


@TTY
async def test_an_interrupt_reaches_the_whole_group(peer: RawPeer, *, tty: bool) -> None:
    process = await peer.start(programs.family(2), tty=tty)
    pids = await printed_pids(process)
    await process.signal("interrupt")
    exited = await process.until_closed()
    assert exited["exitCode"] == 130
    assert exited["signal"] == "SIGINT"
    await until_dead(*pids)


@TTY
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR2", "SIGKILL", "SIGQUIT"])
async def test_any_signal_can_be_sent_by_name(peer: RawPeer, name: str, *, tty: bool) -> None:
    process = await peer.start(programs.say_and_sleep("ready"), tty=tty)
    await process.until_output(b"ready")
    await process.signal(name)
    exited = await process.until_closed()
    assert exited["signal"] == name
    assert exited["exitCode"] == 128 + signal.Signals[name]


async def test_a_stopped_process_goes_on_after_sigcont_and_can_be_terminated(peer: RawPeer) -> None:
    process = await peer.start(programs.shell("echo $$; read line; echo $line"), pipeStdin=True)
    (pid,) = await printed_pids(process)
    await process.signal("SIGSTOP")

    def is_stopped() -> bool:
        entry = procfs.process(pid)
        return entry is not None and entry.state == "T"

    await eventually(is_stopped, what="the stop")
    await process.write(b"woken\n")
    await process.signal("SIGCONT")
    await process.until_output(b"woken\n")
    await process.until_closed()

    second = await peer.start(programs.say_and_sleep("ready"))
    await second.until_output(b"ready")
    await second.signal("SIGSTOP")
    assert await second.terminate() is True
    assert (await second.until_closed())["exitCode"] == 137


async def test_a_signal_to_one_that_ended_is_no_error(peer: RawPeer) -> None:
    process = await peer.start(programs.succeed())
    await process.until_closed()
    await process.signal("interrupt")
    await process.signal("SIGKILL")
    assert await process.terminate() is False


@TTY
async def test_time_that_is_over_ends_a_process(peer: RawPeer, *, tty: bool) -> None:
    process = await peer.start(programs.say_and_sleep("ready"), tty=tty, timeoutMs=300)
    exited = await process.until_closed()
    assert process.output() == b"ready"
    assert exited["reason"] == "timeout"
    assert exited["signal"] == "SIGTERM"
    assert exited["exitCode"] == 143


async def test_one_that_ignores_term_is_killed_after_the_grace(peer: RawPeer) -> None:
    process = await peer.start(programs.ignore_term(), timeoutMs=300, killGraceMs=300)
    exited = await process.until_closed()
    assert exited["reason"] == "timeout"
    assert (exited["signal"], exited["exitCode"]) == ("SIGKILL", 137)


async def test_one_that_ends_in_time_is_left_alone(peer: RawPeer) -> None:
    process = await peer.start(programs.exit_with(4), timeoutMs=60_000)
    exited = await process.until_closed()
    assert (exited["exitCode"], exited["reason"]) == (4, "exited")


async def test_what_outlives_a_process_whose_time_is_over_is_killed_after_the_grace(
    peer: RawPeer,
) -> None:
    script = "(trap '' TERM; echo ready; while :; do sleep 0.05; done) & wait"
    process = await peer.start(
        programs.shell(script), env={"PATH": "/bin:/usr/bin"}, timeoutMs=500, killGraceMs=300
    )
    exited = await process.until_closed()
    assert process.output() == b"ready\n"
    assert (exited["reason"], exited["signal"]) == ("timeout", "SIGTERM")


@pytest.mark.parametrize("limit", ["timeoutMs", "idleTimeoutMs"])
async def test_time_is_kept_while_nobody_is_connected(host: Server, limit: str) -> None:
    params = {limit: 500, "killGraceMs": 100}
    async with raw_peer(host.url) as first:
        process = await first.start(programs.ignore_term(), **params)
        await process.until_output(b"ready")
    await eventually(
        lambda: not procfs.is_alive(process.started["pid"]), what="the end of the process"
    )
    async with raw_peer(host.url, resume=first.session_id) as second:
        exited = await second.process(process.process_id).until_exited()
        assert exited["reason"] == limit.removesuffix("Ms")
        assert exited["signal"] == "SIGKILL"
