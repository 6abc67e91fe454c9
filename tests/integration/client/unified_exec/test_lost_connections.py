"""Connections that break while commands run."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from telexec_client import connect, errors
from telexec_client.unified_exec import UnifiedExec
from tests.harness import programs
from tests.harness.deadline import eventually, within
from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.server import Server

pytestmark = pytest.mark.both_loops


@pytest_asyncio.fixture
async def proxy(service: Server) -> AsyncIterator[FaultProxy]:
    with fault_proxy(service.url) as between:
        yield between


@pytest_asyncio.fixture
async def remote(proxy: FaultProxy) -> AsyncIterator[UnifiedExec]:
    async with connect(proxy.url) as client, UnifiedExec(client) as opened:
        yield opened


async def test_a_connection_that_breaks_in_a_command_loses_nothing_of_it(
    proxy: FaultProxy, remote: UnifiedExec
) -> None:
    cut = proxy.cut_after(server_bytes=100_000)
    result = await remote.exec_command(
        argv=programs.numbered_lines(1, 100_000), yield_time_ms=30_000, max_output_tokens=1_000_000
    )
    await within(cut, what="the cut")
    assert result.output.encode() == programs.expected_lines(1, 100_000)
    assert (result.exit_code, result.lost_bytes) == (0, 0)


async def test_a_call_returns_in_its_time_while_there_is_no_connection(
    proxy: FaultProxy, remote: UnifiedExec, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    started = await remote.exec_command(
        f"echo before; until [ -e {go} ]; do sleep 0.05; done; echo after; exit 4",
        yield_time_ms=250,
    )
    assert started.session_id is not None
    written = started.output
    proxy.refuse()
    proxy.cut()
    meanwhile = await within(remote.write_stdin(started.session_id), what="an answer")
    assert meanwhile.exit_code is None
    go.touch()
    proxy.accept()
    last = await within(
        remote.write_stdin(started.session_id, yield_time_ms=300_000), what="the end"
    )
    assert written + meanwhile.output + last.output == "before\nafter\n"
    assert last.exit_code == 4


async def test_a_lost_session_is_told_to_every_command_with_what_it_wrote(
    proxy: FaultProxy, tmp_path: Path
) -> None:
    go, end = tmp_path / "go", tmp_path / "end"
    async with connect(proxy.url, reconnect=False) as client, UnifiedExec(client) as unified:
        ids: list[int] = []
        for number in range(2):
            started = await unified.exec_command(
                f"until [ -e {go} ]; do sleep 0.01; done; echo {number};"
                f" until [ -e {end} ]; do sleep 0.05; done",
                yield_time_ms=250,
            )
            assert started.session_id is not None
            ids.append(started.session_id)
        polling = asyncio.ensure_future(unified.write_stdin(ids[0], yield_time_ms=300_000))
        go.touch()
        await eventually(
            lambda: all(entry.unread_bytes for entry in unified.list()), what="the output"
        )
        proxy.cut()
        for number, waiting in enumerate((polling, unified.write_stdin(ids[1], "\x03"))):
            with pytest.raises(errors.CommandLostError) as lost:
                await within(waiting, what="the news")
            assert (lost.value.session_id, lost.value.output) == (ids[number], f"{number}\n")
            assert isinstance(lost.value.__cause__, errors.SessionLostError)
        assert unified.list() == ()
        with pytest.raises(errors.SessionLostError):
            await unified.exec_command("true")
        with pytest.raises(errors.SessionLostError):
            await unified.call("exec_command", '{"cmd": "true"}')
        # What nobody has any more would go on for its lease, and the service drain for it.
        end.touch()
