"""What ends a process ends all that it started, wherever that has gone."""

from pathlib import Path
from typing import Any

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, RawProcess, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.integration.ending.forging import forged_mark
from tests.integration.ending.pids import printed_pids, until_dead

TTY = pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])


@TTY
async def test_terminate_reaches_what_left_the_group_the_session_and_the_parent(
    plain_peer: RawPeer, *, tty: bool
) -> None:
    process = await plain_peer.start(programs.scatter("stays", "stubborn"), tty=tty)
    pids = await printed_pids(process)
    assert len(pids) == 11
    assert await process.terminate() is True
    assert (await process.until_exited())["exitCode"] == 137
    await until_dead(*pids)


@TTY
async def test_a_timeout_asks_everything_and_then_kills_what_does_not_listen(
    peer: RawPeer, *, tty: bool
) -> None:
    script = programs.scatter("stays", "stubborn")
    process = await peer.start(script, tty=tty, timeoutMs=700, killGraceMs=300)
    pids = await printed_pids(process)
    exited = await process.until_exited()
    assert (exited["reason"], exited["signal"]) == ("timeout", "SIGTERM")
    await until_dead(*pids)


@pytest.mark.parametrize("traits", [(), ("quiet",), ("quiet", "stubborn")])
async def test_what_outlives_its_process_lives_as_long_as_the_session(
    service: Server, traits: tuple[str, ...]
) -> None:
    async with raw_peer(service.url) as peer:
        process = await peer.start(programs.scatter(*traits))
        _, *sleepers = await printed_pids(process)
        assert (await process.until_exited())["exitCode"] == 0
        assert await process.terminate() is False
        # Something else that is ended leaves them alone.
        other = await peer.start(programs.scatter("stays"))
        others = await printed_pids(other)
        assert await other.terminate() is True
        await until_dead(*others)
        assert all(map(procfs.is_alive, sleepers))
    # The lease of the session runs out.
    await until_dead(*sleepers)


UNMARKED = "prlimit", "--rttime=unlimited:unlimited"
"""Takes its mark away, as programs do that set the limits of another user."""

ONE_HERE_AND_ONE_IN_ITS_OWN_SESSION = "sleep 600 & a=$!; setsid sleep 600 & echo $$ $a $!; wait"


async def unmarked(peer: RawPeer, **params: Any) -> tuple[RawProcess, list[int]]:
    """Start something without a mark; return it, and the pids of it and its children."""
    argv = programs.tool(*UNMARKED, *programs.shell(ONE_HERE_AND_ONE_IN_ITS_OWN_SESSION))
    process = await peer.start(argv, env={"PATH": "/bin:/usr/bin"}, **params)
    return process, await printed_pids(process)


async def test_one_that_takes_its_mark_away_is_ended_with_its_descendants(peer: RawPeer) -> None:
    other, others = await unmarked(peer)
    process, pids = await unmarked(peer)
    answer = await peer.request(
        "process/terminate", {"processId": process.process_id, "graceMs": 100}
    )
    assert answer == {"running": True, "survivors": []}
    assert not any(map(procfs.is_alive, pids))
    assert (await process.until_exited())["reason"] == "terminated"
    assert all(map(procfs.is_alive, others))
    assert await other.terminate() is True
    await until_dead(*others)


async def test_so_it_is_when_its_time_or_its_session_is_over(service: Server) -> None:
    async with raw_peer(service.url) as peer:
        process, pids = await unmarked(peer, timeoutMs=700, killGraceMs=100)
        assert (await process.until_exited())["reason"] == "timeout"
        await until_dead(*pids)
        _, left = await unmarked(peer)
        assert await peer.request("session/end") == {"survivors": []}
        assert not any(map(procfs.is_alive, left))


async def test_what_takes_the_mark_of_another_service_has_nothing_of_that_one_ended(
    service: Server, tmp_path: Path
) -> None:
    with running_service(tmp_path) as other:
        async with raw_peer(other.url) as bystander, raw_peer(service.url) as peer:
            victim, forger, pids = await forged_mark(bystander, peer)
            assert await forger.terminate() is True
            await until_dead(*pids)
            assert await peer.request("session/end") == {"survivors": []}
            await victim.write(b"still here\n")
            await victim.until_output(b"still here\n")


async def test_sessions_do_not_end_each_others_processes(service: Server) -> None:
    async with raw_peer(service.url) as lasting:
        kept = await lasting.start(programs.scatter("stays", "quiet"))
        kept_pids = await printed_pids(kept)
        async with raw_peer(service.url) as passing:
            process = await passing.start(programs.scatter("stays"))
            pids = await printed_pids(process)
        await until_dead(*pids)
        assert all(map(procfs.is_alive, kept_pids))


async def test_terminate_with_a_grace_answers_when_nothing_is_left(peer: RawPeer) -> None:
    process = await peer.start(programs.scatter("stays", "stubborn"))
    pids = await printed_pids(process)
    answer = await peer.request(
        "process/terminate", {"processId": process.process_id, "graceMs": 100}
    )
    assert answer == {"running": True, "survivors": []}
    assert not any(map(procfs.is_alive, pids))
    exited = await process.until_exited()
    assert (exited["signal"], exited["reason"]) == ("SIGTERM", "terminated")


async def test_terminate_with_a_grace_ends_also_what_a_process_left_behind(peer: RawPeer) -> None:
    process = await peer.start(programs.scatter("quiet"))
    _, *sleepers = await printed_pids(process)
    await process.until_closed()
    answer = await peer.request(
        "process/terminate", {"processId": process.process_id, "graceMs": 10_000}
    )
    assert answer == {"running": False, "survivors": []}
    assert not any(map(procfs.is_alive, sleepers))


async def test_all_of_a_tree_has_the_time_of_the_grace(peer: RawPeer) -> None:
    # The trap of the background child takes longer than its parent's end.
    script = (
        "(trap 'sleep 0.3; echo cleaned up; exit' TERM; echo ready; while :; do sleep 0.01; done) &"
        " wait"
    )
    process = await peer.start(programs.shell(script), env={"PATH": "/bin:/usr/bin"})
    await process.until_output(b"ready\n")
    await peer.request("process/terminate", {"processId": process.process_id, "graceMs": 20_000})
    await process.until_closed()
    assert process.output("stdout") == b"ready\ncleaned up\n"


async def test_one_that_is_silent_for_too_long_is_ended(peer: RawPeer) -> None:
    process = await peer.start(programs.say_and_sleep("ready"), idleTimeoutMs=300)
    exited = await process.until_closed()
    assert process.output() == b"ready"
    assert (exited["reason"], exited["signal"]) == ("idleTimeout", "SIGTERM")


async def test_one_that_says_something_now_and_then_is_not(peer: RawPeer) -> None:
    script = "for i in 1 2 3 4 5 6; do echo $i; sleep 0.25; done"
    env = {"PATH": "/bin:/usr/bin"}
    process = await peer.start(programs.shell(script), env=env, idleTimeoutMs=1000)
    exited = await process.until_closed()
    assert (exited["reason"], exited["exitCode"]) == ("exited", 0)


async def test_one_that_has_to_wait_for_its_reader_is_not_silent(peer: RawPeer) -> None:
    process = await peer.start(
        programs.numbered_lines(1, 1_000_000), idleTimeoutMs=300, creditBytes=0
    )
    pid = process.started["pid"]

    def waits() -> bool:
        entry = procfs.process(pid)
        return entry is not None and entry.state == "S"

    await eventually(waits, what="a full pipe")
    marker = await peer.start(programs.say_and_sleep("x"), idleTimeoutMs=900)
    assert (await marker.until_closed())["reason"] == "idleTimeout"
    assert procfs.is_alive(pid)
    await process.grant(100_000_000, received_bytes=100_000_000)
    assert (await process.until_closed())["reason"] == "exited"


async def test_the_end_says_what_the_process_cost(peer: RawPeer) -> None:
    code = "x = b'x' * 300_000_000\nfor _ in range(3_000_000): pass"
    process = await peer.start(programs.python(code))
    usage = (await process.until_closed())["usage"]
    assert usage["userMs"] > 0
    assert usage["systemMs"] > 0
    assert 300_000_000 < usage["maxRssBytes"] < 900_000_000
    assert (await process.read())["usage"] == usage


async def test_memory_of_who_started_the_service_does_not_hide_that_of_a_process(
    tmp_path: Path,
) -> None:
    ballast = b"x" * 600_000_000
    with running_service(tmp_path) as service:
        async with raw_peer(service.url) as peer:
            process = await peer.start(programs.python("x = b'x' * 300_000_000"))
            usage = (await process.until_closed())["usage"]
    assert 300_000_000 < usage["maxRssBytes"] < len(ballast)


async def test_memory_of_the_service_is_not_told_as_that_of_a_process(peer: RawPeer) -> None:
    usage = (await (await peer.start(programs.succeed())).until_closed())["usage"]
    assert usage["maxRssBytes"] is None


async def test_10000_orphans_leave_no_zombie(service: Server) -> None:
    # Each of the hundred ends without a parent that could wait for it.
    script = "i=0; while [ $i -lt 100 ]; do i=$((i + 1)); (: &); done"
    async with raw_peer(service.url) as peer:
        for _ in range(100):
            process = await peer.start(programs.shell(script))
            assert await process.exit_code() == 0
        await eventually(lambda: not service.children(), what="the end of every child")


async def test_a_terminal_hangs_up_when_its_session_ends(tmp_path: Path) -> None:
    config = "[sessions]\nlease_s = 0.1\n[shutdown]\nkill_grace_s = 60\n"
    notes = tmp_path / "notes"
    script = (
        "trap '' TERM; trap 'echo hung up >> \"$1\"; exit' HUP; echo ready; while :; do :; done"
    )
    with running_service(tmp_path, config=config) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.shell(script, str(notes)), tty=True)
            await process.until_output(b"ready")
        await until_dead(process.started["pid"])
    assert notes.read_text() == "hung up\n"
