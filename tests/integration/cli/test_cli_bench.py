"""`telexec bench` measures real hosts and leaves nothing on them."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace

from telexec_client import Client, connect
from telexec_client.cli.host_bench import BenchSize, HostTooSlowError, measure_host
from telexec_client.errors import ProgramNotFoundError
from tests.harness import programs
from tests.harness.deadline import eventually, eventually_blocking
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.integration.cli.command import running, telexec
from tests.integration.cli.conftest import Host

SMALL = BenchSize(
    execs=3, at_once=(2, 4), rate_execs=8, output_bytes=300_001, echoes=3, max_duration_s=60.0
)


@pytest_asyncio.fixture
async def client(service: Server) -> AsyncIterator[Client]:
    """Return a client of a real service."""
    async with connect(service.url) as client:
        yield client


async def test_all_that_was_asked_for_is_measured(client: Client) -> None:
    result = await measure_host(client, SMALL, connect_s=1.0)
    assert (len(result.exec_s), len(result.echo_s)) == (3, 3)
    assert list(result.execs_per_s) == [1, 2, 4]
    assert result.output_bytes == 300_001
    assert min(*result.exec_s, *result.echo_s, *result.execs_per_s.values(), result.output_s) > 0


async def test_when_the_time_of_a_kind_is_over_it_was_still_done_once(client: Client) -> None:
    size = replace(SMALL, exec_s=0.0, rate_s=0.0, output_s=0.0, echo_s=0.0, output_bytes=10**12)
    result = await measure_host(client, size, connect_s=1.0)
    assert (len(result.exec_s), len(result.echo_s)) == (1, 1)
    assert 0 < result.output_bytes < 10**12


async def test_a_host_that_does_not_finish_is_given_up_and_nothing_is_left(
    client: Client, service: Server
) -> None:
    with pytest.raises(HostTooSlowError, match="cannot measure"):
        await measure_host(client, replace(SMALL, max_duration_s=0.0), connect_s=1.0)
    await eventually(lambda: not service.children(), what="the end of every child")


async def test_a_host_without_the_programs_is_told(tmp_path: Path) -> None:
    bare = '[env]\ninherit = "none"\nset = { PATH = "/nowhere" }\n'
    with running_service(tmp_path, config=bare) as service:
        async with connect(service.url) as client:
            with pytest.raises(ProgramNotFoundError):
                await measure_host(client, SMALL, connect_s=1.0)
        ended = telexec("bench", "--url", service.url)
    assert (ended.exit_code, ended.stdout) == (127, b"")


@pytest.mark.codex
async def test_a_plain_host_is_measured_too(exec_server: Server) -> None:
    async with connect(exec_server.url) as client:
        result = await measure_host(client, SMALL, connect_s=1.0)
    assert result.output_bytes == 300_001


def test_it_says_what_it_will_do_and_then_what_it_has_measured(remote: Host) -> None:
    ended = telexec("bench", *remote.options, "--json")
    assert ended.exit_code == 0
    for word in (b"`true`", b"/dev/zero`", b"`cat`", b"nothing is left"):
        assert word in ended.stderr
    measured = json.loads(ended.stdout)
    assert measured["exec"]["count"] > 0
    assert measured["outputBytes"] > 0
    assert list(measured["execsPerS"]) == ["1", "8", "32"]


def test_an_interrupt_ends_it_and_what_it_had_started(
    remote: Host, tokened_service: Server
) -> None:
    with running(["bench", *remote.options]) as command:
        command.read_until(b"nothing is left", stream="stderr")
        command.press_interrupt()
        ended = command.ended()
    assert (ended.exit_code, ended.stdout) == (130, b"")
    done = telexec(*remote.run("-n", "--", *programs.succeed()))
    assert done.exit_code == 0
    eventually_blocking(lambda: not tokened_service.children(), what="the end of every child")


def test_its_help_fits_a_terminal() -> None:
    help_ = telexec("bench", "--help", env={"COLUMNS": "80", "PATH": os.environ["PATH"]})
    assert help_.exit_code == 0
    assert max(map(len, help_.stdout.decode().splitlines())) <= 80
