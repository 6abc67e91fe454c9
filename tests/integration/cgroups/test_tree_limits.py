"""What a process and all that it starts may use together, where the kernel has the controllers."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import programs
from tests.harness.cgroup import below, controllers_of, living, own_cgroup
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, raw_peer
from tests.harness.required import skip_unless_required
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import LOOPBACK, running_service, service_argv
from tests.integration.cgroups.conftest import config

pytestmark = pytest.mark.root

ENV = {"PATH": os.environ["PATH"]}
MIB = 1024 * 1024

# Says how many of fifty it could start.
FIFTY = programs.python(
    "import os, signal, time\n"
    "count = 0\n"
    "for _ in range(50):\n"
    "    try:\n"
    "        if os.fork() == 0: signal.pause()\n"
    "    except BlockingIOError: break\n"
    "    count += 1\n"
    "print(count, flush=True)\n"
    "signal.pause()"
)
BOMB = "echo ready; f() { while :; do f & done; }; exec 2>/dev/null; f"


def needs(group: Path, *controllers: str) -> None:
    """Have the controllers that a test needs."""
    missing = set(controllers) - controllers_of(group.parent)
    if missing:
        skip_unless_required(f"no controllers of cgroups, version 2: {', '.join(sorted(missing))}")
    for name in controllers:
        (group.parent / "cgroup.subtree_control").write_text(f"+{name}")


@pytest.fixture
def group() -> Iterator[Path]:
    """Return a cgroup for a service, and leave the controllers above as they were."""
    with own_cgroup() as made:
        control = made.parent / "cgroup.subtree_control"
        before = set(control.read_text().split())
        yield made
    for name in set(control.read_text().split()) - before:
        control.write_text(f"-{name}")


def limited(directory: Path, group: Path, limits: str) -> Any:
    """Run a service with limits on trees."""
    return running_service(directory, config=config(group, f"[processes]\n{limits}\n"))


async def counted(peer: RawPeer, **params: Any) -> int:
    """Return how many processes one could start."""
    process = await peer.start(FIFTY, **params)
    output = await process.until_output(b"\n")
    await peer.request("process/terminate", {"processId": process.process_id, "graceMs": 0})
    return int(output)


async def test_a_tree_has_as_many_tasks_as_the_host_or_the_request_says(
    tmp_path: Path, group: Path
) -> None:
    needs(group, "pids")
    with limited(tmp_path, group, "tree_tasks = 30") as server:
        async with raw_peer(server.url) as peer:
            assert "treeTasks" in peer.extensions["treeLimits"]
            assert await counted(peer) == 29
            assert await counted(peer, limits={"treeTasks": 10}) == 9
            assert await counted(peer, limits={"treeTasks": 40}) == 29


async def test_a_service_passes_on_what_was_given_to_it_alone(tmp_path: Path, group: Path) -> None:
    needs(group, "pids")
    file = tmp_path / "config.toml"
    file.write_text('[cgroups]\nparent = "auto"\n')
    argv = service_argv(LOOPBACK, "--no-auth", "--workers", "2", "--config", str(file))
    inside = programs.shell('echo 0 > "$1"; shift; exec "$@"', f"{group}/cgroup.procs", *argv)
    env = minimal_environment(tmp_path)
    with running_server(inside, env=env, directory=tmp_path) as server:
        async with raw_peer(server.url) as peer:
            assert await counted(peer, limits={"treeTasks": 10}) == 9


async def test_a_fork_bomb_is_bounded_and_ended_and_others_go_on(
    tmp_path: Path, group: Path
) -> None:
    needs(group, "pids")
    with limited(tmp_path, group, "tree_tasks = 100") as server:
        async with raw_peer(server.url) as peer:
            other = await peer.start(programs.echo(), pipeStdin=True)
            bomb = await peer.start(programs.shell(f"setsid sh -c '{BOMB}' & exit"), env=ENV)
            await bomb.until_output(b"ready")
            await eventually(lambda: has_met_its_limit(group), what="the explosion")
            await other.write(b"still here\n")
            await other.until_output(b"still here\n")
            answer = await peer.request(
                "process/terminate", {"processId": bomb.process_id, "graceMs": 50}
            )
            assert answer["survivors"] == []
            assert living(group) == [other.started["pid"]]


def has_met_its_limit(group: Path) -> bool:
    """Return whether a fork has failed below a cgroup."""
    events = [(it / "pids.events").read_text() for it in below(group) if it.parent != group]
    return any(int(text.split()[1]) > 0 for text in events)


async def hogged(server: Server, argv: list[str], **params: Any) -> dict[str, Any]:
    async with raw_peer(server.url) as peer:
        assert "treeMemoryBytes" in peer.extensions["treeLimits"]
        return await (await peer.start(argv, env=ENV, **params)).until_closed()


HOG = "b = bytearray(256 << 20)"


async def test_a_process_that_needs_too_much_memory_ends_and_says_why(
    tmp_path: Path, group: Path
) -> None:
    needs(group, "memory")
    with limited(tmp_path, group, f"tree_memory_bytes = {64 * MIB}") as server:
        ended = await hogged(server, programs.python(HOG))
        assert (ended["signal"], ended["reason"]) == ("SIGKILL", "oom")
        small = {"treeMemoryBytes": 32 * MIB}
        less = await hogged(server, programs.python("b = bytearray(48 << 20)"), limits=small)
        assert less["reason"] == "oom"
        fits = await hogged(server, programs.python("b = bytearray(16 << 20)"))
        assert fits["reason"] == "exited"


async def test_with_one_that_needs_too_much_its_whole_tree_ends(
    tmp_path: Path, group: Path
) -> None:
    needs(group, "memory")
    script = f'"$1" -I -S -c "{HOG}"; echo survived; exec sleep 600'
    with limited(tmp_path, group, f"tree_memory_bytes = {64 * MIB}") as server:
        ended = await hogged(server, programs.shell(script, programs.python("")[0]))
        assert ended["reason"] == "oom"
        await eventually(lambda: not living(group))


async def test_a_tree_gets_as_much_of_the_processor_as_the_host_says(
    tmp_path: Path, group: Path
) -> None:
    needs(group, "cpu")
    with limited(tmp_path, group, "tree_cpu_percent = 150") as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.echo(), pipeStdin=True)
            await process.write(b"there\n")
            await process.until_output(b"there\n")
            (inner,) = (it for it in below(group) if (it / "cgroup.procs").read_text())
            assert (inner / "cpu.max").read_text().split() == ["150000", "100000"]
            await process.close_stdin()
            await process.until_closed()
