"""Every limit that is reached is an error that names it, or a wait; and it is counted."""

import asyncio
import ctypes
import os
import re
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from telexec_client import connect
from telexec_client.errors import HandshakeError
from tests.harness import programs
from tests.harness.deadline import eventually
from tests.harness.http_request import get, http, page
from tests.harness.raw_peer import RawPeer, raw_peer
from tests.harness.required import skip_unless_required
from tests.harness.server import Server
from tests.harness.service import running_service

FILES = "[files]\nmax_file_bytes = 1000\nmax_open_files = 1\nmax_entries = 2\n"
OUTPUT = programs.expected_lines(1, 300_000)


async def reached(server: Server) -> dict[str, int]:
    """Return how often each limit was reached, as the metrics have it."""
    metrics = await page(server, "/metrics")
    counts = re.findall(r'telexec_limits_reached_total\{limit="(\w+)"\} (\d+)', metrics)
    return {name: int(count) for name, count in counts if int(count)}


@asynccontextmanager
async def limited(tmp_path: Path, config: str) -> AsyncIterator[tuple[Server, RawPeer]]:
    """Run a service with a configuration and connect to it."""
    with running_service(tmp_path, config=config) as server:
        async with raw_peer(server.url) as peer:
            yield server, peer


async def refused(peer: RawPeer, method: str, params: dict[str, Any]) -> tuple[str, int]:
    """Make a request that runs into a limit; return the limit and its number."""
    error = await peer.refusal(method, params)
    assert error.reason == "limitReached"
    assert error.message.startswith("cannot ")
    assert str(error.data["limit"]) in error.message
    return error.data["subject"], error.data["limit"]


def start_of(argv: list[str], name: str = "another") -> dict[str, Any]:
    """Return the params of a start."""
    return {"processId": name, "argv": argv, "cwd": "file:///", "env": {}, "tty": False}


async def test_processes_of_a_session_and_of_the_host(tmp_path: Path) -> None:
    rules = "[limits]\nmax_processes = 2\nmax_host_processes = 3\n"
    async with limited(tmp_path, rules) as (server, peer), raw_peer(server.url) as other:
        assert peer.extensions is not None
        assert peer.extensions["limits"]["maxProcesses"] == 2
        assert peer.extensions["limits"]["maxHostProcesses"] == 3
        for each in (peer, peer, other):
            await each.start(programs.sleep())
        start = start_of(programs.sleep())
        assert await refused(other, "process/start", start) == ("max_host_processes", 3)
        assert await reached(server) == {"max_host_processes": 1}
    async with limited(tmp_path, "[limits]\nmax_processes = 1\n") as (server, peer):
        await peer.start(programs.sleep())
        start = start_of(programs.sleep())
        assert await refused(peer, "process/start", start) == ("max_processes", 1)
        assert await reached(server) == {"max_processes": 1}


async def test_sessions(tmp_path: Path) -> None:
    rules = "[limits]\nmax_sessions = 1\n"
    async with (
        limited(tmp_path, rules) as (server, _),
        raw_peer(server.url, initialize=False) as second,
    ):
        params = {"clientName": "a peer"}
        assert await refused(second, "initialize", params) == ("max_sessions", 1)
        assert await reached(server) == {"max_sessions": 1}


async def test_connections(tmp_path: Path) -> None:
    async with limited(tmp_path, "[limits]\nmax_connections = 1\n") as (server, peer):
        with pytest.raises(HandshakeError, match=r"HTTP 503.* already has 1 \(max_connections\)"):
            await connect(server.url)
        # Whoever only asks for a page needs no room, and has reached no limit.
        assert (await http(server, get("/readyz")))[0] == 200
        assert await reached(server) == {"max_connections": 1}
        await peer.request("environment/info")


async def test_requests_in_flight(tmp_path: Path) -> None:
    async with limited(tmp_path, "[limits]\nmax_requests_in_flight = 1\n") as (server, peer):
        process = await peer.start(programs.sleep())
        wait = {"processId": process.process_id, "waitMs": 60_000}
        await peer.ask("process/read", wait)
        assert await refused(peer, "process/read", wait) == ("max_requests_in_flight", 1)
        assert await reached(server) == {"max_requests_in_flight": 1}


async def test_files(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(1001))
    async with limited(tmp_path, FILES) as (server, peer):
        file = {"path": large.as_uri()}
        assert await refused(peer, "fs/readFile", file) == ("max_file_bytes", 1000)
        await peer.request("fs/open", {**file, "handleId": "1"})
        once_more = {**file, "handleId": "2"}
        assert await refused(peer, "fs/open", once_more) == ("max_open_files", 1)
        folder = {"path": tmp_path.as_uri()}
        assert await refused(peer, "fs/readDirectory", folder) == ("max_entries", 2)
        expected = {"max_file_bytes": 1, "max_open_files": 1, "max_entries": 1}
        assert await reached(server) == expected


async def test_input_that_a_process_does_not_read(tmp_path: Path) -> None:
    rules = "[limits]\nstdin_backlog_bytes = 100_000\nstdin_buffer_bytes = 1\n"
    async with limited(tmp_path, rules) as (server, peer):
        process = await peer.start(programs.never_read_stdin(), pipeStdin=True)
        write = process.write_params(bytes(3_000_000))
        assert await refused(peer, "process/write", write) == ("stdin_backlog_bytes", 100_000)
        assert await reached(server) == {"stdin_backlog_bytes": 1}


async def test_finished_processes_that_are_remembered(tmp_path: Path) -> None:
    rules = "[limits]\nmax_finished_processes = 1\n"
    async with limited(tmp_path, rules) as (server, peer):
        first = await peer.start(programs.succeed())
        await first.until_closed()
        second = await peer.start(programs.succeed())
        await second.until_closed()
        gone = await peer.refusal("process/read", {"processId": first.process_id})
        assert gone.reason == "processUnknown"
        assert await reached(server) == {"max_finished_processes": 1}


async def test_descriptors_run_out_for_starts_before_they_do_for_connections(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path, open_files=120) as server:
        async with raw_peer(server.url) as peer:
            error = None
            for number in range(60):
                try:
                    await peer.start(programs.sleep(), processId=f"{number}")
                except Exception as failure:  # noqa: BLE001 - what it is, is asserted
                    error = failure
                    break
            assert getattr(error, "reason", None) == "limitReached"
            assert getattr(error, "data", {})["subject"] == "open_files"
            assert getattr(error, "data", {})["limit"] == 120
            # There is room to look at it, and to end it.
            async with raw_peer(server.url, resume=None) as other:
                await other.request("environment/info")
            assert (await reached(server))["open_files"] == 1
            for number in range(10):
                await peer.process(f"{number}").terminate()
                await peer.process(f"{number}").until_exited()
            assert await (await peer.start(programs.succeed())).exit_code() == 0


async def test_connections_are_refused_before_the_last_descriptor_is_used(tmp_path: Path) -> None:
    with running_service(tmp_path, open_files=60) as server:
        peers = []
        async with raw_peer(server.url) as first:
            host, port = server.url.removeprefix("ws://").split(":")
            try:
                for _ in range(60):
                    peers.append(await asyncio.open_connection(host, int(port)))
                    await first.request("environment/info")
                    if await status_of(server) == 503:
                        break
                status, answer = await http(server, get("/"))
                assert status == 503
                assert "as many files open as it may, 60 (RLIMIT_NOFILE)" in answer
                assert len(peers) < 58
            finally:
                for _, writer in peers:
                    writer.close()
            await eventually(lambda: len(server.open_fds()) < 40, what="closed connections")
            # There is room again: this is no upgrade, and nothing else is wrong with it.
            assert await status_of(server) == 426


async def status_of(server: Server) -> int:
    """Return how a health check is answered by one that has to make room for it."""
    status, _ = await http(server, get("/"))
    return status


async def test_a_child_has_the_limit_of_open_files_that_the_service_was_started_with(
    tmp_path: Path,
) -> None:
    argv = programs.shell("ulimit -Sn; ulimit -Hn")
    with running_service(tmp_path, open_files=500, soft_open_files=200) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(argv)
            await process.until_closed()
            assert process.output() == b"200\n500\n"
        own = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        assert own == (500, 500)


@pytest.mark.parametrize("has_spill", [False, True])
async def test_when_all_processes_together_have_too_much_nothing_is_lost_that_is_not_delivered(
    tmp_path: Path, *, has_spill: bool
) -> None:
    rules = "[limits]\nhost_retained_bytes = 300_000\nretained_bytes = 200_000\n"
    if has_spill:
        rules += f'[spill]\ndirectory = "{tmp_path}"\n'
    async with limited(tmp_path, rules) as (server, peer):
        # What was delivered goes first.
        for _ in range(3):
            done = await peer.start(programs.numbered_lines(1, 100_000))
            await done.until_closed()
        await eventually_retained(server, 300_000)
        flood = programs.numbered_lines(1, 300_000)
        waiting = [await peer.start(flood, creditBytes=0) for _ in range(5)]
        await eventually_retained(server, 300_000 + 5 * 100_000 + 5 * 65_536)
        for process in waiting:
            while not process.is_closed:
                have = len(process.events)
                await process.grant(len(process.output()) + 200_000)
                if not process.is_closed:
                    await process.until_more_than(have)
            assert process.output() == OUTPUT
        assert (await reached(server))["host_retained_bytes"] >= 1


async def eventually_retained(server: Server, most_bytes: int) -> None:
    """Wait until the host has no more output in memory than this."""
    while True:
        metrics = await page(server, "/metrics")
        (size,) = re.findall(r"^telexec_retained_bytes (\S+)$", metrics, re.MULTILINE)
        if float(size) <= most_bytes:
            return
        await asyncio.sleep(0.02)


@pytest.fixture
def dead_directory(tmp_path: Path) -> Iterator[Path]:
    """Return a directory of a file system whose server answers nothing."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        skip_unless_required("a file system that does not answer needs root and /dev/fuse")
    directory = tmp_path / "dead"
    directory.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0".encode()
    assert libc.mount(b"none", os.fsencode(directory), b"fuse", 0, options) == 0
    try:
        yield directory
    finally:
        os.close(server)
        assert libc.umount2(os.fsencode(directory), 2) == 0


@pytest.mark.root
@pytest.mark.parametrize("options", [[], ["--no-uvloop"]], ids=["uvloop", "asyncio"])
async def test_a_file_system_that_does_not_answer_does_not_keep_the_service_from_ending(
    tmp_path: Path, dead_directory: Path, options: list[str]
) -> None:
    with running_service(tmp_path, options=options) as server:
        async with raw_peer(server.url) as peer:
            for _ in range(3):
                await peer.ask("fs/getMetadata", {"path": f"{dead_directory.as_uri()}/x"})
            await peer.request("environment/info")
        server.send_signal(signal.SIGTERM)
        assert await server.ended() == 0


@pytest.mark.parametrize("params", [{}, {"mergeStderr": True}, {"tty": True}])
async def test_processes_are_started_when_the_service_has_more_open_than_they_may_have(
    tmp_path: Path, params: dict[str, bool]
) -> None:
    with running_service(tmp_path, open_files=1024, soft_open_files=64) as server:
        async with raw_peer(server.url) as peer:
            for _ in range(40):
                await peer.start(programs.echo(), pipeStdin=True)
            assert len(server.open_fds()) > 2 * 64
            last = await peer.start(
                programs.shell("read line; echo $line; ulimit -n; ls /proc/self/fd"),
                pipeStdin=True,
                env={"PATH": os.environ["PATH"]},
                **params,
            )
            await last.write(b"line\n")
            await last.until_closed()
    assert last.output().split()[-6:] == [b"line", b"64", b"0", b"1", b"2", b"3"]
