"""Many processes and many clients at once."""

import asyncio

import pytest

from telexec_client import Client, CompletedProcess, connect
from tests.harness import programs
from tests.harness.deadline import within
from tests.harness.server import Server

pytestmark = pytest.mark.both_loops

COUNT = 200


def command(number: int) -> list[str]:
    return programs.shell(f"echo out {number}; echo err {number} >&2; exit {number % 100}")


def check(results: list[CompletedProcess]) -> None:
    for number, done in enumerate(results):
        assert done.stdout == b"out %d\n" % number
        assert done.stderr == b"err %d\n" % number
        assert done.exit_code == number % 100


async def test_200_processes_at_once_on_one_connection(service: Server, client: Client) -> None:
    fds_before = service.fds_in_use()
    running = [client.run(command(number)) for number in range(COUNT)]
    check(await within(asyncio.gather(*running), what="all of them"))
    assert service.children() == []
    await service.back_to_fds(fds_before)


async def test_200_connections_with_a_process_each(service: Server) -> None:
    fds_before = service.fds_in_use()

    async def run(number: int) -> CompletedProcess:
        async with connect(service.url) as client:
            return await client.run(command(number))

    check(await within(asyncio.gather(*map(run, range(COUNT))), what="all of them"))
    assert service.children() == []
    await service.back_to_fds(fds_before)


async def test_200_processes_that_flood_share_a_connection(client: Client) -> None:
    lines = programs.expected_lines(1, 20_000)
    running = [client.run(programs.numbered_lines(1, 20_000)) for _ in range(COUNT)]
    results = await within(asyncio.gather(*running), what="all of them")
    assert all(done.stdout == lines for done in results)
