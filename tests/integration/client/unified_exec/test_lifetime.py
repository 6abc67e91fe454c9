"""Which commands there are: lists, ends, too many, two calls at once, cancelled calls."""

import asyncio
import os
import signal

import pytest

from telexec_client import Client, errors
from telexec_client.unified_exec import UnifiedExec
from telexec_client.unified_exec.core.bounds import MAX_COMMANDS, SPARED_COMMANDS
from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.polling import until_output

pytestmark = pytest.mark.both_loops


async def start_sleeping(unified: UnifiedExec, *, tty: bool = False) -> int:
    """Start something that goes on; return its session id."""
    result = await unified.exec_command(
        argv=programs.say_and_sleep("up"), tty=tty, yield_time_ms=250
    )
    assert result.session_id is not None
    return result.session_id


async def test_the_list_tells_what_runs(unified: UnifiedExec) -> None:
    session_id = await start_sleeping(unified, tty=True)
    (entry,) = unified.list()
    assert (entry.session_id, entry.tty, entry.exit_code) == (session_id, True, None)
    assert entry.argv == tuple(programs.say_and_sleep("up"))
    assert entry.age_s >= entry.idle_s >= 0
    assert entry.pid is not None
    assert procfs.is_alive(entry.pid)


async def test_terminating_ends_the_whole_tree_and_gives_the_last_of_it(
    unified: UnifiedExec,
) -> None:
    script = "trap 'echo bye; exit 3' TERM; sleep 600 & echo $!; while :; do sleep 0.05; done"
    started = await unified.exec_command(script, yield_time_ms=250)
    assert started.session_id is not None
    child = int(await until_output(unified, started, "\n"))
    result = await unified.terminate(started.session_id)
    # The shell may say that the child was terminated, too.
    assert result.output.endswith("bye\n")
    assert (result.exit_code, result.session_id) == (3, None)
    assert not procfs.is_alive(child)
    with pytest.raises(errors.SessionUnknownError):
        await unified.terminate(started.session_id)


async def test_a_call_that_waits_for_a_command_that_is_terminated_gets_the_last_of_it(
    unified: UnifiedExec,
) -> None:
    session_id = await start_sleeping(unified)
    polling = asyncio.ensure_future(unified.write_stdin(session_id, yield_time_ms=300_000))
    await asyncio.sleep(0)
    terminated = await unified.terminate(session_id)
    polled = await within(polling, what="the answer")
    assert (polled.exit_code, terminated.exit_code) == (143, 143)


async def test_closing_leaves_nothing_running_and_takes_no_more_calls(client: Client) -> None:
    unified = UnifiedExec(client)
    for tty in (False, True):
        await start_sleeping(unified, tty=tty)
    stubborn = await unified.exec_command(argv=programs.ignore_term(), yield_time_ms=250)
    assert stubborn.session_id is not None
    await until_output(unified, stubborn, "ready")
    pids = [entry.pid for entry in unified.list()]
    polling = asyncio.ensure_future(unified.write_stdin(stubborn.session_id))
    starting = asyncio.ensure_future(unified.exec_command(argv=programs.sleep()))
    await asyncio.sleep(0)
    await within(unified.close(grace_s=0.1), what="closing")
    assert (await within(polling, what="the answer")).exit_code == 137
    with pytest.raises(errors.UnifiedExecClosedError):
        await starting
    for pid in pids:
        assert pid is not None
        assert not procfs.is_alive(pid)
    for call in (unified.exec_command("true"), unified.write_stdin(1_000), unified.terminate(1)):
        with pytest.raises(errors.UnifiedExecClosedError):
            await call
    await unified.close()
    assert [entry.state for entry in (await client.processes()).processes].count("running") == 0
    # The client is the caller's, and goes on.
    assert (await client.run(programs.say("on"))).stdout == b"on"


async def test_two_calls_for_one_command_take_turns_and_lose_nothing(unified: UnifiedExec) -> None:
    started = await unified.exec_command("stty -echo; echo ready; cat", tty=True, yield_time_ms=250)
    assert started.session_id is not None
    written = await until_output(unified, started, "ready\r\n")
    results = await asyncio.gather(
        *(unified.write_stdin(started.session_id, f"{number}\n") for number in range(8))
    )
    written += "".join(result.output for result in results[:-1])
    written += await until_output(unified, results[-1], "7\r\n")
    assert written.split() == ["ready", *map(str, range(8))]


async def test_calls_for_several_commands_run_at_once(unified: UnifiedExec) -> None:
    results = await within(
        asyncio.gather(
            *(unified.exec_command(f"sleep 0.2; echo {number}") for number in range(20))
        ),
        what="all of them",
    )
    assert [result.output for result in results] == [f"{number}\n" for number in range(20)]


async def test_a_cancelled_call_leaves_its_command_and_its_output(unified: UnifiedExec) -> None:
    call = asyncio.ensure_future(
        unified.exec_command("echo kept; read go; exit 6", tty=True, yield_time_ms=30_000)
    )
    await eventually(lambda: any(entry.unread_bytes for entry in unified.list()), what="output")
    call.cancel()
    await asyncio.wait({call})
    assert call.cancelled()
    (entry,) = unified.list()
    result = await unified.write_stdin(entry.session_id, "\n", yield_time_ms=30_000)
    assert result.output.startswith("kept\r\n")
    assert result.exit_code == 6


async def test_calls_that_are_cancelled_at_any_time_lose_and_double_nothing(
    unified: UnifiedExec,
) -> None:
    started = await unified.exec_command("stty -echo; echo ready; cat", tty=True, yield_time_ms=250)
    session_id = started.session_id
    assert session_id is not None
    await until_output(unified, started, "ready\r\n")
    written = ""
    answered: list[str] = []
    for number in range(8):
        call = asyncio.ensure_future(unified.write_stdin(session_id, f"{number}\n"))
        await asyncio.wait({call}, timeout=0.06 * number)
        if call.done():
            written += call.result().output
            answered.append(str(number))
        else:
            call.cancel()
            await asyncio.wait({call})
    last = await unified.write_stdin(session_id, "end\n")
    written += await until_output(unified, last, "end\r\n")
    lines = written.split()
    # Of a call that was cancelled, nobody knows whether it has written.
    assert lines == sorted(set(lines))
    assert {*answered, "end"} <= set(lines)


async def test_a_cancelled_start_leaves_nothing(client: Client, unified: UnifiedExec) -> None:
    call = asyncio.ensure_future(unified.exec_command(argv=programs.sleep()))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait({call})
    assert unified.list() == ()

    async def until_none_runs() -> None:
        while any(entry.state == "running" for entry in (await client.processes()).processes):
            pass

    await within(until_none_runs(), what="its end")


async def test_the_command_used_longest_ago_makes_room_for_one_too_many(
    unified: UnifiedExec,
) -> None:
    ids = await asyncio.gather(*(start_sleeping(unified) for _ in range(MAX_COMMANDS - 1)))
    oldest, second = (entry.session_id for entry in unified.list()[:2])
    pids = {entry.session_id: entry.pid for entry in unified.list()}
    ended = await unified.exec_command("read go", tty=True, yield_time_ms=250)
    assert ended.session_id is not None
    # Now there are as many as there may be. The oldest has to go.
    newest = await start_sleeping(unified)
    live = {entry.session_id for entry in unified.list()}
    assert len(live) == MAX_COMMANDS
    assert live == {*ids, ended.session_id, newest} - {oldest}
    pruned_pid = pids[oldest]
    assert pruned_pid is not None
    assert not procfs.is_alive(pruned_pid)
    with pytest.raises(errors.SessionUnknownError):
        await unified.write_stdin(oldest)
    assert second in live
    assert len(live) > SPARED_COMMANDS


async def test_one_that_has_ended_makes_room_before_all_that_run(unified: UnifiedExec) -> None:
    oldest = await start_sleeping(unified)
    quick = await unified.exec_command("read go", tty=True, yield_time_ms=250)
    assert quick.session_id is not None
    ids = await asyncio.gather(*(start_sleeping(unified) for _ in range(MAX_COMMANDS - 2)))
    pid = next(it.pid for it in unified.list() if it.session_id == quick.session_id)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: any(it.exit_code for it in unified.list()), what="its end")
    newest = await start_sleeping(unified)
    assert {it.session_id for it in unified.list()} == {oldest, *ids, newest}


async def test_commands_that_are_all_waited_for_make_no_room(unified: UnifiedExec) -> None:
    waiting = [
        asyncio.ensure_future(unified.exec_command(argv=programs.sleep(), yield_time_ms=30_000))
        for _ in range(MAX_COMMANDS)
    ]
    await eventually(lambda: len(unified.list()) == MAX_COMMANDS, what="all of them")
    with pytest.raises(errors.CommandsExhaustedError, match=str(MAX_COMMANDS)):
        await unified.exec_command("true")
    await unified.close(grace_s=0)
    results = await within(asyncio.gather(*waiting), what="their ends")
    assert {result.exit_code for result in results} == {137}
