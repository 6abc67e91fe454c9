"""What is in the cgroup of a process ends with it, wherever it has gone and whatever it became."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.harness import procfs, programs
from tests.harness.cgroup import below, living
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, RawProcess, raw_peer
from tests.harness.required import skip_unless_required
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import LOOPBACK, running_service, service_argv
from tests.integration.cgroups.conftest import SHORT, config
from tests.integration.ending.pids import printed_pids, until_dead

pytestmark = pytest.mark.root

NOBODY = 65_534
ENV = {"PATH": os.environ["PATH"]}

# Neither its mark, nor its parent, nor its session tells where it came from.
ESCAPED = "setsid prlimit --rttime=unlimited:unlimited sh -c 'sleep 600 & echo $!'"


async def escaped(peer: RawPeer) -> tuple[RawProcess, int]:
    """Start something that something has escaped from; return both."""
    process = await peer.start(programs.shell(f"{ESCAPED}; exec sleep 600"), env=ENV)
    (pid,) = await printed_pids(process)
    return process, pid


async def test_what_has_escaped_everything_else_is_ended_with_the_tree(peer: RawPeer) -> None:
    process, pid = await escaped(peer)
    answer = await peer.request(
        "process/terminate", {"processId": process.process_id, "graceMs": 100}
    )
    assert answer["survivors"] == []
    assert not procfs.is_alive(pid)
    assert (await process.until_exited())["reason"] == "terminated"


async def test_so_it_is_with_kill_at_once_and_at_the_end_of_the_session(peer: RawPeer) -> None:
    process, killed = await escaped(peer)
    assert await process.terminate()
    await until_dead(killed)
    _, left = await escaped(peer)
    await peer.request("session/end", {})
    assert not procfs.is_alive(left)


async def test_others_in_the_session_go_on(peer: RawPeer) -> None:
    other, own = await escaped(peer)
    process, _ = await escaped(peer)
    await process.terminate()
    await process.until_exited()
    assert procfs.is_alive(own)
    assert procfs.is_alive(other.started["pid"])


async def test_a_program_that_divides_its_cgroup_is_ended_with_all_parts(
    peer: RawPeer, group: Path
) -> None:
    script = (
        'cd "$1"/telexec-*/*/ && mkdir a a/b && (echo 0 > a/b/cgroup.procs; exec sleep 600) &'
        "echo $!; exec sleep 600"
    )
    process = await peer.start(programs.shell(script, str(group)), env=ENV)
    (pid,) = await printed_pids(process)
    await eventually(lambda: len(list(below(group))) == 4)
    await peer.request("process/terminate", {"processId": process.process_id, "graceMs": 50})
    assert not procfs.is_alive(pid)
    await eventually(lambda: len(list(below(group))) == 1)


async def test_nothing_is_left_of_a_service_that_has_ended(tmp_path: Path, group: Path) -> None:
    with running_service(tmp_path, config=config(group)) as server:
        async with raw_peer(server.url) as peer:
            _, pid = await escaped(peer)
    assert not procfs.is_alive(pid)
    assert list(below(group)) == []


async def test_the_guardian_of_a_service_that_was_killed_ends_it_all(
    tmp_path: Path, group: Path
) -> None:
    with mortal_service(tmp_path, group) as server:
        await eventually(lambda: server.guardian() is not None)
        async with raw_peer(server.url) as peer:
            _, pid = await escaped(peer)
            server.send_signal(signal.SIGKILL)
            await server.ended()
            await until_dead(pid)
    await eventually(lambda: list(below(group)) == [])


async def test_a_service_ends_what_was_left_when_one_was_killed_with_its_guardian(
    tmp_path: Path, group: Path
) -> None:
    with running_service(tmp_path, config=config(group)) as other:
        async with raw_peer(other.url) as bystander:
            goes_on = await bystander.start(programs.echo(), pipeStdin=True)
            pids = await left_behind(tmp_path, group)
            with running_service(tmp_path, config=config(group)) as server:
                assert not any(map(procfs.is_alive, pids))
                assert len(list(below(group))) == 3
            assert '"event":"cgroups.swept"' in server.log()
            await goes_on.write(b"still here\n")
            await goes_on.until_output(b"still here\n")


async def left_behind(directory: Path, group: Path) -> list[int]:
    """Return what runs after a service and its guardian were killed."""
    with mortal_service(directory, group) as server:
        guardian = await eventually(server.guardian)
        assert guardian is not None
        async with raw_peer(server.url) as peer:
            process, pid = await escaped(peer)
            os.kill(guardian.pid, signal.SIGSTOP)
            server.send_signal(signal.SIGKILL)
            os.kill(guardian.pid, signal.SIGKILL)
            await server.ended()
    pids = [pid, process.started["pid"]]
    assert all(map(procfs.is_alive, pids))
    return pids


@contextlib.contextmanager
def mortal_service(directory: Path, group: Path) -> Generator[Server]:
    """Run a service that may end in any way."""
    file = directory / "mortal.toml"
    file.write_text(config(group))
    argv = service_argv(LOOPBACK, "--no-auth", "--config", str(file))
    environment = minimal_environment(directory)
    with running_server(
        argv, env=environment, directory=directory, expect_graceful=False
    ) as server:
        yield server


@pytest.fixture
def delegated(group: Path) -> Iterator[Server]:
    """Return a service of another user, in a cgroup that was given to it (Delegate=)."""
    if shutil.which("setpriv") is None:
        skip_unless_required("cannot become other users: needs setpriv(1)")
    with tempfile.TemporaryDirectory() as path:
        directory = Path(path)
        directory.chmod(0o777)
        for file in (group, *(group / name for name in ("cgroup.procs", "cgroup.subtree_control"))):
            os.chown(file, NOBODY, NOBODY)
        file = directory / "config.toml"
        file.write_text(f'{SHORT}[cgroups]\nparent = "auto"\n')
        argv = service_argv(LOOPBACK, "--no-auth", "--config", str(file))
        other = programs.tool("setpriv", f"--reuid={NOBODY}", "--clear-groups", *argv)
        inside = programs.shell('echo 0 > "$1"; shift; exec "$@"', f"{group}/cgroup.procs", *other)
        with running_server(
            inside, env=minimal_environment(directory), directory=directory
        ) as server:
            yield server
        assert [path.name for path in below(group)] == ["service"]


async def test_without_root_what_became_another_users_is_ended_too(
    delegated: Server, group: Path
) -> None:
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        become_root = Path(path) / "setpriv"
        shutil.copy(programs.tool("setpriv")[0], become_root)
        become_root.chmod(0o4755)
        async with raw_peer(delegated.url) as peer:
            foreign = [str(become_root), "--reuid=0", *programs.shell("echo ready; exec sleep 600")]
            process = await peer.start(foreign)
            await process.until_output(b"ready\n")
            pid: int = process.started["pid"]
            assert pid in living(group)
            answer = await peer.request(
                "process/terminate", {"processId": process.process_id, "graceMs": 50}
            )
            assert answer["survivors"] == []
            assert not procfs.is_alive(pid)
