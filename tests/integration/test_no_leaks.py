"""A service that has worked a lot has no more descriptors, children or tasks than before."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import Json, RawPeer, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a service on each of the event loops."""
    options = ["--no-uvloop"] if request.param == "asyncio" else []
    with running_service(tmp_path_factory.mktemp("service"), options=options) as server:
        yield server


TTY = pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])


async def back_to(server: Server, fds: int) -> None:
    """Wait until a service has no children and as many descriptors as it had."""
    await eventually(lambda: not server.children(), what="the end of every child")
    await server.back_to_fds(fds)


@TTY
async def test_200_starts_one_after_the_other_leave_nothing(
    service: Server, peer: RawPeer, *, tty: bool
) -> None:
    fds = service.fds_in_use()
    for number in range(200):
        process = await peer.start(programs.shell(f"echo {number}; exit {number}"), tty=tty)
        assert await process.exit_code() == number
        assert process.output().strip() == b"%d" % number
    await back_to(service, fds)


@TTY
async def test_200_at_once_on_one_connection_leave_nothing(
    service: Server, peer: RawPeer, *, tty: bool
) -> None:
    fds = service.fds_in_use()
    everyone = [
        await peer.start(
            programs.shell(f"read line; echo $line {number}; exit {number}"),
            tty=tty,
            pipeStdin=not tty,
        )
        for number in range(200)
    ]
    # All of them run at the same time: none has got what it waits for.
    assert len([child for child in service.children() if child.state != "Z"]) >= 200
    for process in everyone:
        await process.write(b"hello\n")
    for number, process in enumerate(everyone):
        assert await process.exit_code() == number
        assert process.output().endswith(
            b"hello %d\r\n" % number if tty else b"hello %d\n" % number
        )
    await back_to(service, fds)


async def test_200_connections_with_one_process_each_leave_nothing(service: Server) -> None:
    fds = service.fds_in_use()

    async def one(number: int) -> None:
        async with raw_peer(service.url) as peer:
            process = await peer.start(programs.shell(f"echo {number}; exit {number}"))
            assert await process.exit_code() == number
            assert process.output() == b"%d\n" % number

    async with asyncio.TaskGroup() as tasks:
        for number in range(200):
            tasks.create_task(one(number), name=f"peer {number}")
    await back_to(service, fds)


async def test_starts_that_fail_leave_nothing(service: Server, peer: RawPeer) -> None:
    fds = service.fds_in_use()
    start: Json = {"processId": "p", "argv": ["/bin/true"], "cwd": "file:///", "env": {}}
    every_mistake: list[Json] = [
        {"argv": ["/no/such/program"]},
        {"argv": ["/etc/passwd"]},
        {"cwd": "file:///no/such/directory"},
        {"env": {"A": "\0"}},
        {"argv": ["/bin/true", "x" * 3_000_000]},
    ]
    for wrong in every_mistake:
        for tty in (False, True):
            for _ in range(20):
                await peer.refusal("process/start", {**start, **wrong, "tty": tty})
    await service.back_to_fds(fds)
    assert service.children() == []


async def test_connections_that_come_to_nothing_leave_nothing(service: Server) -> None:
    fds = service.fds_in_use()
    host, port = service.url.removeprefix("ws://").split(":")
    for said in (b"", b"GET / HTTP/1.1\r\n", b"GET /livez HTTP/1.1\r\n\r\n", b"\0\0\0"):
        for _ in range(20):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(said)
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    await back_to(service, fds)


async def test_what_sessions_held_is_given_back_at_their_end(service: Server) -> None:
    async def hold_and_end() -> None:
        async with raw_peer(service.url) as peer:
            argv = programs.tool("head", "-c", str(2**20), "/dev/zero")
            processes = [await peer.start(argv, creditBytes=1) for _ in range(100)]
            # They have said everything: it is held for who comes and reads it.
            await eventually(
                lambda: not any(procfs.is_alive(it.started["pid"]) for it in processes),
                what="their ends",
            )
            await peer.request("session/end")

    before = service.resident_bytes()
    for _ in range(3):
        await hold_and_end()
    # Each time it held 100 MiB.
    await eventually(lambda: service.resident_bytes() - before < 32 * 2**20, what="the memory back")
