"""Each process has a cgroup of its own, from its first moment on, and notices nothing of it."""

import os
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.cgroup import below, of_process
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.integration.cgroups.conftest import config

pytestmark = pytest.mark.root

TTY = pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])
START = {"processId": "p", "cwd": "file:///", "env": {}, "tty": False}


@TTY
async def test_a_process_and_what_it_starts_are_in_a_cgroup_of_their_own(
    peer: RawPeer, service: Server, group: Path, *, tty: bool
) -> None:
    first = await peer.start(programs.tool("grep", "0::", "/proc/self/cgroup"), tty=tty)
    second = await peer.start(programs.shell("(grep 0:: /proc/self/cgroup)"), tty=tty)
    for process in (first, second):
        await process.until_closed()
        said = process.output().decode().strip().removeprefix("0::")
        assert said.startswith(f"/{group.name}/")
    assert first.output() != second.output()
    assert not of_process(service.pid).startswith(f"/{group.name}/")


async def test_the_cgroup_of_a_process_that_has_ended_is_gone(peer: RawPeer, group: Path) -> None:
    (own,) = below(group)
    running = await peer.start(programs.echo(), pipeStdin=True)
    await (await peer.start(programs.succeed())).until_closed()
    await eventually(lambda: len(list(below(group))) == 2)
    await running.close_stdin()
    await running.until_closed()
    await eventually(lambda: list(below(group)) == [own])


async def test_what_stays_in_the_background_keeps_its_cgroup_until_the_session_ends(
    peer: RawPeer, group: Path
) -> None:
    process = await peer.start(programs.grandchild_that_holds_the_pipe())
    output = await process.until_output(b"\n")
    await process.until_exited()
    background = int(output.split()[1])
    assert of_process(background).startswith(f"/{group.name}/")
    answer = await peer.request("session/end", {"graceMs": 100})
    assert answer["survivors"] == []
    await eventually(lambda: len(list(below(group))) == 1)


@TTY
async def test_environment_arguments_and_descriptors_are_what_they_are_without(
    peer: RawPeer, *, tty: bool
) -> None:
    # Shells know none of these names.
    env = {"a.b": "1", "f%%": "1", "lower-case": "", "_": "x"}
    code = (
        "import os\n"
        "environ = open('/proc/self/environ', 'rb').read().split(bytes(1))\n"
        "command = open('/proc/self/cmdline', 'rb').read().split(bytes(1))\n"
        "print(sorted(map(os.fsdecode, environ[:-1])))\n"
        "print([command[0].decode(), *map(os.fsdecode, command[5:-1])])"
    )
    process = await peer.start(
        programs.python(code, "--", "-x", ""), env=env, arg0="other name", tty=tty
    )
    await process.until_closed()
    expected = sorted(f"{name}={value}" for name, value in env.items())
    assert process.output().decode().splitlines() == [
        str(expected),
        str(["other name", "--", "-x", ""]),
    ]
    descriptors = await peer.start(programs.print_open_fds(), tty=tty)
    await descriptors.until_closed()
    assert descriptors.output().split() == [b"0", b"1", b"2"]


async def test_what_cannot_be_executed_is_told_as_it_is_without(peer: RawPeer) -> None:
    for argv, reason in (
        (["/none"], "programNotFound"),
        (["/"], "programNotExecutable"),
        (["none"], "programNotFound"),
    ):
        error = await peer.refusal("process/start", {**START, "argv": argv})
        assert error.reason == reason


async def test_a_thousand_processes_leave_no_cgroup(peer: RawPeer, group: Path) -> None:
    for _ in range(20):
        started = [await peer.start(programs.succeed()) for _ in range(50)]
        for process in started:
            assert await process.exit_code() == 0
    await eventually(lambda: len(list(below(group))) == 1)


async def test_a_service_with_more_open_files_than_processes_may_have_goes_on_starting(
    tmp_path: Path, group: Path
) -> None:
    options = {"soft_open_files": 64, "open_files": 1024}
    with running_service(tmp_path, config=config(group), **options) as server:
        async with raw_peer(server.url) as peer:
            for _ in range(40):
                await peer.start(programs.echo(), pipeStdin=True)
            last = await peer.start(programs.shell("ulimit -n"))
            await last.until_closed()
            assert last.output() == b"64\n"


async def test_limits_of_a_process_and_its_cgroup_go_together(peer: RawPeer, group: Path) -> None:
    script = "ulimit -n; grep 0:: /proc/self/cgroup"
    env = {"PATH": os.environ["PATH"]}
    process = await peer.start(programs.shell(script), env=env, limits={"openFiles": 64})
    await process.until_closed()
    limit, place = process.output().decode().split()
    assert limit == "64"
    assert place.startswith(f"0::/{group.name}/")
