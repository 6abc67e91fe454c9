"""Connections go to all workers, and what a host may have it has once, not once for each."""

import subprocess
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.deadline import DEADLINE_S
from tests.harness.http_request import get, http
from tests.harness.raw_peer import PeerError, raw_peer
from tests.harness.server import Server, minimal_environment
from tests.harness.service import running_service, service_argv
from tests.integration.workers.crew import crowd, slot_of, workers

WORKERS = ["--workers", "3"]


async def test_connections_are_spread_evenly(three: Server) -> None:
    async with AsyncExitStack() as held:
        peers = [await held.enter_async_context(raw_peer(three.url)) for _ in range(60)]
        assert Counter(map(slot_of, peers)) == {0: 20, 1: 20, 2: 20}
        for peer in peers[:6]:
            assert await (await peer.start(programs.exit_with(4))).exit_code() == 4


async def test_a_new_connection_goes_where_the_fewest_are(three: Server) -> None:
    async with AsyncExitStack() as held:
        for slot in (0, 1):
            await crowd(three, slot, held)
        for _ in range(2):
            async with raw_peer(three.url) as last:
                assert slot_of(last) == 2


async def test_a_unix_socket_is_shared(tmp_path: Path) -> None:
    listen = f"unix:{tmp_path}/socket"
    with running_service(tmp_path, listen=listen, options=WORKERS) as server:
        async with AsyncExitStack() as held:
            peers = [await held.enter_async_context(raw_peer(server.url)) for _ in range(6)]
            assert Counter(map(slot_of, peers)) == {0: 2, 1: 2, 2: 2}
    assert not (tmp_path / "socket").exists()


async def test_the_host_has_as_many_connections_as_it_may_have(tmp_path: Path) -> None:
    config = "[limits]\nmax_connections = 4\n"
    with running_service(tmp_path, config=config, options=WORKERS) as server:
        async with AsyncExitStack() as held:
            for _ in range(4):
                await held.enter_async_context(raw_peer(server.url))
            upgrade = get("/", "Upgrade: websocket")
            assert (await http(server, upgrade))[0] == 503
        async with raw_peer(server.url) as peer:
            assert await (await peer.start(programs.succeed())).exit_code() == 0


async def test_the_host_has_as_many_sessions_as_it_may_have(tmp_path: Path) -> None:
    config = "[limits]\nmax_sessions = 4\n"
    with running_service(tmp_path, config=config, options=WORKERS) as server:
        async with AsyncExitStack() as held:
            for _ in range(4):
                await held.enter_async_context(raw_peer(server.url))
            with pytest.raises(PeerError, match="max_sessions"):
                await held.enter_async_context(raw_peer(server.url))


async def test_one_worker_is_the_service_itself(service: Server) -> None:
    assert workers(service) == []
    async with raw_peer(service.url) as peer:
        process = await peer.start(programs.shell("echo $PPID"))
        await process.until_closed()
        assert int(process.output()) == service.pid


@pytest.mark.parametrize(
    ("listen", "options", "why", "code"),
    [
        ("stdio", ["--workers", "2"], "cannot share stdin and stdout", 1),
        ("ws://127.0.0.1:0", ["--workers", "0"], "from 1 to 64", 2),
        ("ws://127.0.0.1:0", ["--workers", "many"], "from 1 to 64", 2),
        ("ws://127.0.0.1:0", ["--workers", "2", "--metrics-token-file", "/no"], "/no", 1),
    ],
    ids=["stdio", "none", "no number", "a file that is not there"],
)
def test_what_cannot_be_is_said_once(
    tmp_path: Path, listen: str, options: list[str], why: str, code: int
) -> None:
    done = subprocess.run(
        service_argv(listen, *options),
        env=minimal_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == code
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if line.startswith("telexec-service: ")]
    assert len(said) == 1
    assert why in said[0]
