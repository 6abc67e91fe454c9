"""SIGTERM ends a service gracefully: its children have a moment, then nothing of them is left."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness import programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service

PATIENT = "[shutdown]\ndrain_s = 600\nkill_grace_s = 600\n"
HASTY = "[shutdown]\ndrain_s = 0.1\nkill_grace_s = 0.1\n"


@asynccontextmanager
async def service_with_peer(directory: Path, config: str) -> AsyncGenerator[tuple[Server, RawPeer]]:
    """Run a service and connect to it."""
    with running_service(directory, config=config) as server:
        async with raw_peer(server.url) as peer:
            yield server, peer


async def until_draining(server: Server) -> None:
    """Wait until a service says that it takes no new work."""

    host, port = server.url.removeprefix("ws://").split(":")
    while True:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        if answer.startswith(b"HTTP/1.1 503"):
            return


async def test_an_idle_service_ends_at_once(tmp_path: Path) -> None:
    async with service_with_peer(tmp_path, PATIENT) as (server, peer):
        server.send_signal(signal.SIGTERM)
        assert await peer.until_ended() == 1001
        assert await server.ended() == 0


async def test_sigint_ends_it_as_well(tmp_path: Path) -> None:
    with running_service(tmp_path) as server:
        server.send_signal(signal.SIGINT)
        assert await server.ended() == 0


async def test_what_runs_may_end_by_itself_and_its_end_is_told(tmp_path: Path) -> None:
    async with service_with_peer(tmp_path, PATIENT) as (server, peer):
        process = await peer.start(
            programs.shell("echo ready; read line; echo $line; exit 4"), pipeStdin=True
        )
        await process.until_output(b"ready\n")
        server.send_signal(signal.SIGTERM)
        await until_draining(server)
        error = await peer.refusal(
            "process/start",
            {
                "processId": "late",
                "argv": ["/bin/true"],
                "cwd": "file:///",
                "env": {},
                "tty": False,
            },
        )
        assert error.reason == "shuttingDown"
        # What runs is still served.
        await process.write(b"go\n")
        exited = await process.until_closed()
        assert (exited["exitCode"], exited["reason"]) == (4, "exited")
        assert process.output() == b"ready\ngo\n"
        assert await peer.until_ended() == 1001
        assert await server.ended() == 0


async def test_what_does_not_end_is_ended_and_its_end_is_told(tmp_path: Path) -> None:
    async with service_with_peer(tmp_path, HASTY) as (server, peer):
        family = await peer.start(programs.family(3))
        stubborn = await peer.start(programs.ignore_term(), tty=True)
        await family.until_output(b"\n")
        await stubborn.until_output(b"ready")
        server.send_signal(signal.SIGTERM)
        await peer.until(
            lambda: family.exit_event is not None and stubborn.exit_event is not None,
            what="the end of both",
        )
        assert (family.exit_event or {})["reason"] == "shutdown"
        assert (stubborn.exit_event or {})["reason"] == "shutdown"
        assert (stubborn.exit_event or {})["exitCode"] == 137
        assert await server.ended() == 0
    # The leak check sees whatever outlived the service.


async def test_what_belongs_to_nobody_at_the_moment_is_ended_too(tmp_path: Path) -> None:
    with running_service(tmp_path, config=HASTY) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.family(3))
            await process.until_output(b"\n")
        assert len(server.children()) >= 4
        server.send_signal(signal.SIGTERM)
        assert await server.ended() == 0


async def test_grandchildren_of_ended_processes_are_ended(tmp_path: Path) -> None:
    async with service_with_peer(tmp_path, HASTY) as (server, peer):
        process = await peer.start(programs.grandchild_that_holds_the_pipe())
        await process.until_exited()
        server.send_signal(signal.SIGTERM)
        assert await server.ended() == 0


async def test_a_second_signal_takes_the_patience_away(tmp_path: Path) -> None:
    async with service_with_peer(tmp_path, PATIENT) as (server, peer):
        process = await peer.start(programs.ignore_term())
        await process.until_output(b"ready")
        server.send_signal(signal.SIGTERM)
        await until_draining(server)
        assert server.exit_code is None
        server.send_signal(signal.SIGTERM)
        exited = await process.until_exited()
        assert (exited["signal"], exited["reason"]) == ("SIGKILL", "shutdown")
        assert await server.ended() == 0


async def test_one_that_does_not_read_does_not_hold_it_up(tmp_path: Path) -> None:
    async with service_with_peer(tmp_path, HASTY) as (server, peer):
        await peer.start(programs.tool("yes"))
        await peer.ask("environment/info", {})
        await eventually(lambda: bool(server.children()))
        server.send_signal(signal.SIGTERM)
        # Nothing is read from here on.
        assert await server.ended() == 0
