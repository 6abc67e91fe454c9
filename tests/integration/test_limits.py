"""What processes may use: as the host says, or less if the request says so."""

import os
import resource
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness import programs
from tests.harness.raw_peer import RawPeer, raw_peer
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import LOOPBACK, running_service

CONFIG = "[processes]\nopen_files = 300\ncore_bytes = 0\nfile_bytes = 1_000_000\n"

BASH = {"PATH": os.environ["PATH"]}


def oom_score_adj(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def tell(letter: str) -> list[str]:
    """Have a child of the process say a limit, soft and hard."""
    return programs.tool("bash", "-c", f"(ulimit -S{letter}; ulimit -H{letter}); :")


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def limiting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a service that limits its processes."""
    options = ["--no-uvloop"] if request.param == "asyncio" else []
    directory = tmp_path_factory.mktemp("service")
    with running_service(directory, config=CONFIG, options=options) as server:
        yield server


@pytest_asyncio.fixture
async def limited(limiting: Server) -> AsyncIterator[RawPeer]:
    """Return a peer of that service."""
    async with raw_peer(limiting.url) as peer:
        yield peer


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])
async def test_the_host_limits_every_process_and_what_it_starts(
    limited: RawPeer, *, tty: bool
) -> None:
    process = await limited.start(tell("n"), tty=tty)
    await process.until_closed()
    assert process.output().split() == [b"300", b"300"]


@pytest.mark.parametrize(("asked", "given"), [(100, b"100"), (299, b"299"), (5000, b"300")])
async def test_a_request_may_lower_a_limit_and_not_raise_it(
    limited: RawPeer, asked: int, given: bytes
) -> None:
    process = await limited.start(tell("n"), limits={"openFiles": asked})
    await process.until_closed()
    assert process.output().split() == [given, given]


async def test_a_request_may_limit_what_the_host_does_not(limited: RawPeer) -> None:
    process = await limited.start(tell("v"), limits={"addressSpaceBytes": 1 << 34})
    await process.until_closed()
    assert process.output().split() == [b"16777216", b"16777216"]  # in KiB
    process = await limited.start(tell("n"), limits={"cpuS": 7})
    await process.until_closed()
    assert process.output().split() == [b"300", b"300"]


async def test_who_writes_more_than_the_limit_is_ended_by_it(
    limited: RawPeer, tmp_path: Path
) -> None:
    script = 'exec head -c 2000000 /dev/zero > "$1"'
    process = await limited.start(programs.shell(script, str(tmp_path / "file")), env=BASH)
    exited = await process.until_closed()
    assert (exited["signal"], exited["reason"]) == ("SIGXFSZ", "signaled")
    assert (tmp_path / "file").stat().st_size == 1_000_000


async def test_the_service_itself_is_not_limited(limiting: Server, limited: RawPeer) -> None:
    for _ in range(20):
        await (await limited.start(programs.succeed())).until_closed()
    assert resource.prlimit(limiting.pid, resource.RLIMIT_NOFILE) == resource.getrlimit(
        resource.RLIMIT_NOFILE
    )
    assert resource.prlimit(limiting.pid, resource.RLIMIT_FSIZE) == resource.getrlimit(
        resource.RLIMIT_FSIZE
    )


async def test_the_kernel_ends_processes_before_the_service(
    limiting: Server, limited: RawPeer
) -> None:
    process = await limited.start(programs.echo(), pipeStdin=True)
    own, its = oom_score_adj(limiting.pid), oom_score_adj(process.started["pid"])
    assert its == min(own + 500, 1000)
    await process.close_stdin()
    await process.until_closed()


async def test_what_cannot_be_limited_is_not_run(tmp_path: Path) -> None:
    # The service finds no prlimit.
    (tmp_path / "bin").mkdir()
    code = (
        f"import os; os.defpath = '{tmp_path}'; from telexec_service.__main__ import main; main()"
    )
    argv = [sys.executable, "-c", code, "--listen", LOOPBACK, "--no-auth"]
    environment = {**minimal_environment(tmp_path), "PATH": str(tmp_path / "bin")}
    with running_server(argv, env=environment, directory=tmp_path) as server:
        async with raw_peer(server.url) as peer:
            assert peer.extensions["processLimits"] is False
            start = {"processId": "p", "cwd": "file:///", "env": {}, "tty": False}
            start["argv"] = programs.succeed()
            error = await peer.refusal("process/start", {**start, "limits": {"openFiles": 10}})
            assert (error.reason, "prlimit" in error.message) == ("spawnFailed", True)
            assert await (await peer.start(programs.succeed())).exit_code() == 0


async def test_a_program_with_limits_cannot_have_another_name(limited: RawPeer) -> None:
    start = {"processId": "p", "cwd": "file:///", "env": {}, "tty": False}
    start |= {"argv": programs.succeed(), "arg0": "other"}
    error = await limited.refusal("process/start", start)
    assert error.reason == "programNotExecutable"
    assert "arg0" in error.message


async def test_environment_and_arguments_are_what_they_are_without_limits(limited: RawPeer) -> None:
    code = "import os, sys; print(dict(os.environ), sys.argv[1:])"
    arguments = ["--nofile=7", "--", "-x", ""]
    process = await limited.start(
        [*programs.python(code), *arguments], env={"A": "b", "LC_ALL": "C"}
    )
    await process.until_closed()
    assert process.output() == f"{{'A': 'b', 'LC_ALL': 'C'}} {arguments}\n".encode()
