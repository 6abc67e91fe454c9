"""What a service makes of its configuration, and of requests for what it cannot do."""

import contextlib
import re
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.cgroup import below
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, raw_peer
from tests.harness.server import ServerFailedError, minimal_environment, running_server
from tests.harness.service import LOOPBACK, running_service, service_argv
from tests.integration.cgroups.conftest import config

pytestmark = pytest.mark.root


def refuses(directory: Path, text: str, why: str) -> None:
    with pytest.raises(ServerFailedError, match=re.escape(why)):  # noqa: SIM117
        with running_service(directory, config=text):
            pass


def test_what_is_no_cgroup_is_refused(tmp_path: Path, group: Path) -> None:
    refuses(tmp_path, config(tmp_path), f"below {tmp_path}: it is no cgroup")
    refuses(tmp_path, config(group / "none"), "it is no cgroup")
    refuses(tmp_path, config(Path("relative")), "it is no cgroup")


def test_a_cgroup_that_the_service_shares_is_not_its_own(tmp_path: Path, group: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[cgroups]\nparent = "auto"\n')
    argv = service_argv(LOOPBACK, "--no-auth", "--config", str(file))
    # The shell stays.
    shared = programs.shell('echo 0 > "$1"; shift; "$@"; exit $?', f"{group}/cgroup.procs", *argv)
    with pytest.raises(ServerFailedError, match="1 other processes are in it"):  # noqa: SIM117
        with running_server(shared, env=minimal_environment(tmp_path), directory=tmp_path):
            pass


def test_limits_that_nobody_here_can_enforce_are_refused(tmp_path: Path) -> None:
    refuses(
        tmp_path,
        "[processes]\ntree_tasks = 10\n",
        "cannot limit trees by tree_tasks: that needs [cgroups] parent",
    )


def test_nothing_is_left_where_the_cgroup_lacks_the_controllers(
    tmp_path: Path, group: Path
) -> None:
    # Nobody has enabled any for what is in the group.
    bare = group / "bare"
    bare.mkdir()
    refuses(tmp_path, config(bare, "[processes]\ntree_tasks = 10\n"), "and the controller pids in")
    assert list(below(group)) == [bare]


async def test_a_request_for_them_is_refused_and_none_are_offered(tmp_path: Path) -> None:
    with running_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            assert peer.extensions["treeLimits"] == []
            start = {"processId": "p", "cwd": "file:///", "env": {}, "tty": False}
            start |= {"argv": programs.succeed(), "limits": {"treeTasks": 10}}
            error = await peer.refusal("process/start", start)
    assert error.reason == "spawnFailed"
    assert error.message.startswith("cannot limit a tree by tree_tasks: ")


async def test_every_worker_has_a_cgroup_for_its_processes(tmp_path: Path, group: Path) -> None:
    options = ["--workers", "2"]
    with running_service(tmp_path, config=config(group), options=options) as server:
        own = {f"/{group.name}/{path.name}" for path in below(group)}
        assert len(own) == 2
        places: set[str] = set()
        async with contextlib.AsyncExitStack() as peers:
            # Each is given to the worker that has the fewest.
            for _ in range(4):
                peer = await peers.enter_async_context(raw_peer(server.url))
                places.add(await place(peer))
            assert places == own
    assert list(below(group)) == []


async def place(peer: RawPeer) -> str:
    """Return the cgroup above that of a process."""
    process = await peer.start(programs.tool("grep", "0::", "/proc/self/cgroup"))
    await process.until_closed()
    return process.output().decode().removeprefix("0::").rpartition("/")[0]


async def test_what_another_program_makes_below_the_same_cgroup_stays(
    tmp_path: Path, group: Path
) -> None:
    (group / "telexec-other").mkdir()
    with running_service(tmp_path, config=config(group)):
        await eventually(lambda: len(list(below(group))) == 2)
    assert [path.name for path in below(group)] == ["telexec-other"]
