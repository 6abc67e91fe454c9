"""A service that is killed, by whatever, leaves nothing alive."""

import contextlib
import os
import signal
import uuid
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import raw_peer
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import LOOPBACK, running_service, service_argv
from tests.integration.ending.forging import forged_mark
from tests.integration.ending.pids import printed_pids, until_dead

LOOPS = pytest.mark.parametrize("options", [[], ["--no-uvloop"]], ids=["uvloop", "asyncio"])
TTY = pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])


@contextlib.contextmanager
def mortal_service(directory: Path, *options: str) -> Generator[Server]:
    """Run a service that may end in any way."""
    argv = service_argv(LOOPBACK, "--no-auth", *options)
    environment = minimal_environment(directory)
    with running_server(
        argv, env=environment, directory=directory, expect_graceful=False
    ) as server:
        yield server


async def guardian_of(server: Server, *, other_than: int | None = None) -> int:
    """Wait for a service's guardian and return its pid."""

    def find() -> int | None:
        entry = server.guardian()
        return None if entry is None or entry.pid == other_than else entry.pid

    pid = await eventually(find, what="the guardian")
    assert pid is not None
    return pid


@LOOPS
@TTY
async def test_nothing_outlives_a_service_that_was_killed(
    tmp_path: Path, options: list[str], *, tty: bool
) -> None:
    with mortal_service(tmp_path, *options) as server:
        async with raw_peer(server.url) as peer:
            running = await peer.start(programs.scatter("stays", "stubborn", "quiet"), tty=tty)
            ended = await peer.start(programs.scatter("stubborn", "quiet"))
            pids = [*await printed_pids(running), *await printed_pids(ended)]
            await ended.until_exited()
            server.send_signal(signal.SIGKILL)
            assert await server.ended() == -signal.SIGKILL
            await until_dead(*pids)


async def test_also_when_it_is_killed_before_its_guardian_is_up(tmp_path: Path) -> None:
    with mortal_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.scatter("stays", "stubborn", "quiet"))
            server.send_signal(signal.SIGKILL)
            assert await server.ended() == -signal.SIGKILL
            pid: int = process.started["pid"]
            await until_dead(pid)
    # The leak check sees whatever else has started since.


async def test_nor_does_what_a_service_started_that_ran_in_it(tmp_path: Path) -> None:
    with mortal_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            await guardian_of(server)
            inner = await peer.start(
                service_argv(f"unix:{tmp_path}/inner", "--no-auth"),
                env=minimal_environment(tmp_path),
            )
            await inner.until_output(b"\n")
            async with raw_peer(f"unix:{tmp_path}/inner") as inner_peer:
                process = await inner_peer.start(programs.scatter("stays", "stubborn", "quiet"))
                pids = await printed_pids(process)
                server.send_signal(signal.SIGKILL)
                await until_dead(inner.started["pid"], *pids)


async def test_what_took_the_mark_of_another_service_has_nothing_of_that_one_ended(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path) as other, mortal_service(tmp_path) as server:
        async with raw_peer(other.url) as bystander, raw_peer(server.url) as peer:
            await guardian_of(server)
            victim, _, pids = await forged_mark(bystander, peer)
            server.send_signal(signal.SIGKILL)
            await until_dead(*pids)
            await victim.write(b"still here\n")
            await victim.until_output(b"still here\n")


async def test_what_ran_when_both_were_killed_is_ended_by_the_next_service(tmp_path: Path) -> None:
    with running_service(tmp_path) as other:
        async with raw_peer(other.url) as bystander:
            goes_on = await bystander.start(programs.echo(), pipeStdin=True)
            pids = await left_behind(tmp_path)
            assert all(map(procfs.is_alive, pids))
            with running_service(tmp_path) as server:
                assert not any(map(procfs.is_alive, pids))
                assert len(records(tmp_path)) == 2
            assert '"event":"processes.swept"' in server.log()
            await goes_on.write(b"still here\n")
            await goes_on.until_output(b"still here\n")
    assert records(tmp_path) == []


async def left_behind(home: Path) -> list[int]:
    """Return what runs after a service and its guardian were killed."""
    with mortal_service(home) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.scatter("stays", "stubborn", "quiet"))
            pids = await printed_pids(process)
            await kill_both(server)
    return pids


async def kill_both(server: Server) -> None:
    """Kill a service and its guardian in the same moment."""
    guardian = await guardian_of(server)
    os.kill(guardian, signal.SIGSTOP)
    server.send_signal(signal.SIGKILL)
    os.kill(guardian, signal.SIGKILL)
    await server.ended()


def records(home: Path) -> list[Path]:
    """Return what services say of themselves to those after them."""
    return list((home / ".local/state/telexec/running").iterdir())


async def test_a_record_from_before_the_host_was_started_stands_for_nothing(tmp_path: Path) -> None:
    pids = await left_behind(tmp_path)
    (record,) = records(tmp_path)
    _, _, family = record.name.partition(".")
    old = record.rename(record.with_name(f"{uuid.uuid4()}.{family}"))
    try:
        with running_service(tmp_path) as server:
            assert all(map(procfs.is_alive, pids))
            assert not old.exists()
        assert "processes.swept" not in server.log()
    finally:
        # As it was, they are ended.
        record.touch()
        with running_service(tmp_path):
            assert not any(map(procfs.is_alive, pids))


async def test_a_service_that_was_left_behind_itself_does_not_end_what_it_is_among(
    tmp_path: Path,
) -> None:
    socket, go = tmp_path / "inner", tmp_path / "go"
    inner_argv = service_argv(f"unix:{socket}", "--no-auth")
    wait = 'until [ -e "$1" ]; do sleep 0.02; done; shift; exec "$@" >/dev/null 2>&1'
    with mortal_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            # It becomes a service when the one that it runs in is dead.
            inner = await peer.start(
                programs.shell(wait, str(go), *inner_argv), env=minimal_environment(tmp_path)
            )
            beside = await peer.start(programs.sleep())
            pids = inner.started["pid"], beside.started["pid"]
            await kill_both(server)
    go.touch()
    await eventually(socket.exists, what="the inner service")
    assert all(map(procfs.is_alive, pids))
    # Another one, which nobody left behind, ends both.
    with running_service(tmp_path):
        await until_dead(*pids)


async def test_a_home_that_cannot_be_written_to_keeps_no_service_from_serving(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path, env={"HOME": "/proc/nowhere"}) as server:
        async with raw_peer(server.url) as peer:
            assert await (await peer.start(programs.succeed())).exit_code() == 0


async def test_a_guardian_that_was_killed_is_replaced_and_what_runs_goes_on(
    tmp_path: Path,
) -> None:
    with mortal_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.scatter("stays", "stubborn", "quiet"))
            pids = await printed_pids(process)
            first = await guardian_of(server)
            os.kill(first, signal.SIGKILL)
            await guardian_of(server, other_than=first)
            assert all(map(procfs.is_alive, pids))
            server.send_signal(signal.SIGKILL)
            await server.ended()
            await until_dead(*pids)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1"])
async def test_no_signal_for_everybody_ends_the_guardian(tmp_path: Path, name: str) -> None:
    with mortal_service(tmp_path) as server:
        guardian = await guardian_of(server)
        os.kill(guardian, signal.Signals[name])
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.scatter("stays", "quiet"))
            pids = await printed_pids(process)
            assert procfs.is_alive(guardian)
            server.send_signal(signal.SIGKILL)
            await until_dead(*pids, guardian)


async def test_the_guardian_ends_with_a_service_that_ends(tmp_path: Path) -> None:
    with mortal_service(tmp_path) as server:
        guardian = await guardian_of(server)
        server.send_signal(signal.SIGTERM)
        assert await server.ended() == 0
        assert procfs.process(guardian) is None


async def test_a_service_that_runs_in_a_service_is_ended_with_all_that_it_started(
    tmp_path: Path,
) -> None:
    with mortal_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            inner = await peer.start(
                service_argv(f"unix:{tmp_path}/inner", "--no-auth"),
                env=minimal_environment(tmp_path),
            )
            await inner.until_output(b"\n")
            async with raw_peer(f"unix:{tmp_path}/inner") as inner_peer:
                process = await inner_peer.start(programs.scatter("stays", "stubborn", "quiet"))
                pids = await printed_pids(process)
                assert await inner.terminate() is True
                await until_dead(inner.started["pid"], *pids)
