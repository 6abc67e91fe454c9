"""Workers that end, and a service of workers that ends."""

import asyncio
import contextlib
import os
import secrets
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.http_request import page
from tests.harness.notify_socket import notify_socket
from tests.harness.raw_peer import ConnectionEndedError, PeerError, RawPeer, raw_peer
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import LOOPBACK, running_service, service_argv
from tests.integration.ending.pids import printed_pids, until_dead
from tests.integration.workers.conftest import OPTIONS
from tests.integration.workers.crew import crowd, pid_of, slot_of, until_workers, workers

THREE = ["--workers", "3"]


async def ended(peer: RawPeer) -> int | None:
    try:
        return await peer.until_ended()
    except ConnectionEndedError as error:
        return error.code


async def number(server: Server, name: str) -> float:
    lines = (await page(server, "/metrics")).splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name} "))
    return float(line.split()[1])


async def test_a_worker_that_is_killed_takes_only_its_own_with_it(three: Server) -> None:
    starts = 'telexec_process_starts_total{result="ok"}'
    async with AsyncExitStack() as held:
        peers = [await held.enter_async_context(raw_peer(three.url)) for _ in range(3)]
        victim, other = peers[0], peers[1]
        doomed = await victim.start(programs.scatter("stays", "stubborn", "quiet"))
        pids = await printed_pids(doomed)
        spared = await other.start(programs.echo(), pipeStdin=True)
        worker = await pid_of(victim)
        before = await number(three, starts)
        assert before == 3
        os.kill(worker, signal.SIGKILL)
        await ended(victim)
        await until_dead(*pids, worker)
        await spared.write(b"still here\n")
        await spared.until_output(b"still here\n")
        with pytest.raises(PeerError) as refused:
            async with raw_peer(three.url, resume=victim.session_id):
                pass
        assert refused.value.reason == "sessionUnknown"
        assert victim.extensions is not None
        async with raw_peer(three.url, initialize=False) as again:
            gone = await again.refusal(
                "initialize",
                {
                    "clientName": "x",
                    "resumeSessionId": victim.session_id,
                    "telexec": {"version": 1, "instance": victim.extensions["instance"]},
                },
            )
            assert gone.reason == "hostRestarted"
        await until_workers(three, 3, worker)
        slots: set[int] = set()
        while len(slots) < 3:
            async with raw_peer(three.url) as again:
                assert await (await again.start(programs.exit_with(6))).exit_code() == 6
                slots.add(slot_of(again))
                before += 1
        # What was counted in the worker that is gone is still counted; what it had is not.
        assert await number(three, starts) == before
        assert await number(three, "telexec_processes_running") == 1
        assert await number(three, "telexec_worker_restarts_total") == 1


async def test_who_was_passed_on_by_a_worker_that_is_killed_comes_back(three: Server) -> None:
    async with AsyncExitStack() as held:
        async with raw_peer(three.url) as first:
            owner = await pid_of(first)
            process = await first.start(programs.echo(), pipeStdin=True)
            await crowd(three, slot_of(first), held)
        async with raw_peer(three.url, resume=first.session_id) as second:
            again = second.process(process.process_id)
            await again.write(b"one\n")
            await again.until_output(b"one\n")
            others = set(workers(three)) - {owner}
            for pid in others:
                os.kill(pid, signal.SIGKILL)
            await ended(second)
        await until_workers(three, 3, *others)
        async with raw_peer(three.url, resume=first.session_id) as third:
            again = third.process(process.process_id)
            await again.write(b"two\n")
            await again.until_output(b"two\n")


async def test_a_worker_that_ends_again_and_again_is_not_started_all_the_time(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path, options=THREE) as server:
        first = workers(server)[0]
        for _ in range(2):
            os.kill(first, signal.SIGKILL)
            await until_workers(server, 3, first)
            first = max(workers(server))
        assert await number(server, "telexec_worker_restarts_total") == 2
        async with raw_peer(server.url) as peer:
            assert await (await peer.start(programs.succeed())).exit_code() == 0


@pytest.mark.parametrize("loop", OPTIONS)
async def test_nothing_outlives_a_supervisor_that_was_killed(tmp_path: Path, loop: str) -> None:
    argv = service_argv(LOOPBACK, "--no-auth", *OPTIONS[loop])
    environment = minimal_environment(tmp_path)
    with running_server(argv, env=environment, directory=tmp_path, expect_graceful=False) as server:
        async with AsyncExitStack() as held:
            pids = workers(server)
            assert len(pids) == 3
            for _ in range(3):
                peer = await held.enter_async_context(raw_peer(server.url))
                process = await peer.start(programs.scatter("stays", "stubborn", "quiet"))
                pids += await printed_pids(process)
            server.send_signal(signal.SIGKILL)
            assert await server.ended() == -signal.SIGKILL
            await until_dead(*pids)


async def test_all_workers_are_drained_and_what_is_passed_on_is_served_meanwhile(
    three: Server,
) -> None:
    async with AsyncExitStack() as held:
        peers = [await held.enter_async_context(raw_peer(three.url)) for _ in range(3)]
        script = "trap 'exit 9' TERM; echo ready; read go; exit 3"
        waiting = [await it.start(programs.shell(script), pipeStdin=True) for it in peers]
        async with raw_peer(three.url) as first:
            last = await first.start(programs.shell(script), pipeStdin=True)
            await crowd(three, slot_of(first), held)
        async with raw_peer(three.url, resume=first.session_id) as second:
            for process in waiting:
                await process.until_output(b"ready")
            three.send_signal(signal.SIGTERM)
            await until_refused(three)
            for process in (*waiting, second.process(last.process_id)):
                await process.write(b"go\n")
                assert (await process.until_exited())["exitCode"] == 3
            for peer in (*peers, second):
                assert await ended(peer) == 1001
    assert await three.ended() == 0


async def test_a_second_signal_hurries_all_of_them(tmp_path: Path) -> None:
    config = "[shutdown]\ndrain_s = 600.0\nkill_grace_s = 600.0\n"
    with running_service(tmp_path, config=config, options=THREE) as server:
        async with AsyncExitStack() as held:
            pids: list[int] = []
            for _ in range(3):
                peer = await held.enter_async_context(raw_peer(server.url))
                process = await peer.start(programs.ignore_term())
                await process.until_output(b"ready\n")
                pids.append(process.started["pid"])
            server.send_signal(signal.SIGTERM)
            await until_refused(server)
            assert all(map(procfs.is_alive, pids))
            server.send_signal(signal.SIGTERM)
            await until_dead(*pids)
            assert await server.ended() == 0


async def until_refused(server: Server) -> None:
    """Wait until no worker lets anybody in."""

    async def is_refused() -> bool:
        with contextlib.suppress(Exception):
            async with raw_peer(server.url):
                return False
        return True

    refusals = 0
    while refusals < 6:
        refusals = refusals + 1 if await is_refused() else 0


async def test_signals_to_everybody_are_those_of_the_supervisor(three: Server) -> None:
    async with raw_peer(three.url) as peer:
        for pid in workers(three):
            for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(pid, name)
        assert await (await peer.start(programs.exit_with(2))).exit_code() == 2
        assert len(workers(three)) == 3


async def test_a_hangup_has_all_workers_read_the_tokens_again(tmp_path: Path) -> None:
    with running_service(tmp_path, guarded=True, options=THREE) as server:
        async with AsyncExitStack() as held:
            peers = [
                await held.enter_async_context(raw_peer(server.url, token=server.token))
                for _ in range(6)
            ]
            assert {slot_of(peer) for peer in peers} == {0, 1, 2}
            token = secrets.token_urlsafe(32)
            (tmp_path / "token").write_text(f"{token}\n")
            server.send_signal(signal.SIGHUP)
            for peer in peers:
                assert await ended(peer) == 1008
            for _ in range(6):
                await held.enter_async_context(raw_peer(server.url, token=token))


async def test_systemd_hears_of_the_service_and_not_of_its_workers(tmp_path: Path) -> None:
    address = f"@telexec-test-{secrets.token_hex(8)}"
    with notify_socket(address) as systemd:
        env = {"NOTIFY_SOCKET": address}
        with running_service(tmp_path, env=env, options=THREE) as server:
            assert (await systemd.message())["READY"] == "1"
            server.send_signal(signal.SIGHUP)
            assert (await systemd.message())["RELOADING"] == "1"
            assert (await systemd.message())["READY"] == "1"
            server.send_signal(signal.SIGTERM)
            assert (await systemd.message())["STOPPING"] == "1"
            assert await server.ended() == 0
        assert systemd.is_silent()


async def test_no_sign_of_life_is_given_while_a_worker_hangs(tmp_path: Path) -> None:
    address = f"@telexec-test-{secrets.token_hex(8)}"
    with notify_socket(address) as systemd:
        env = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}
        with running_service(tmp_path, env=env, options=THREE) as server:
            await systemd.until("WATCHDOG")
            hanging = workers(server)[1]
            os.kill(hanging, signal.SIGSTOP)

            async def until_silence() -> None:
                with contextlib.suppress(TimeoutError):
                    while True:
                        async with asyncio.timeout(1.0):
                            await systemd.message()

            await within(until_silence(), what="an end of the signs of life")
            os.kill(hanging, signal.SIGCONT)
            await systemd.until("WATCHDOG")


async def test_each_line_of_the_log_says_which_worker_wrote_it(three: Server) -> None:
    async with raw_peer(three.url) as peer:
        await (await peer.start(programs.succeed())).exit_code()
        wanted = f'"worker":{slot_of(peer)},'
        await eventually(
            lambda: any(
                wanted in line and "process/start" in line for line in three.log().splitlines()
            )
        )
