"""Unified exec works on Codex's own exec-server, which knows nothing of our extensions."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from telexec_client import connect, errors
from telexec_client.unified_exec import UnifiedExec
from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.polling import until_output
from tests.harness.server import Server

pytestmark = [pytest.mark.codex, pytest.mark.both_loops]


@pytest_asyncio.fixture
async def proxy(exec_server: Server) -> AsyncIterator[FaultProxy]:
    with fault_proxy(exec_server.url) as between:
        yield between


@pytest_asyncio.fixture
async def unified(proxy: FaultProxy) -> AsyncIterator[UnifiedExec]:
    async with connect(proxy.url) as client, UnifiedExec(client) as opened:
        yield opened


async def test_a_command_runs_to_its_end_with_all_of_its_output(unified: UnifiedExec) -> None:
    result = await unified.exec_command(
        f"{' '.join(programs.numbered_lines(1, 20_000))}; exit 7", max_output_tokens=100_000
    )
    assert result.output.encode() == programs.expected_lines(1, 20_000)
    assert (result.exit_code, result.session_id) == (7, None)


async def test_a_terminal_is_driven_over_several_calls(unified: UnifiedExec) -> None:
    started = await unified.exec_command("read a; echo got $a; exit 4", tty=True, yield_time_ms=250)
    assert started.session_id is not None
    last = await unified.write_stdin(started.session_id, "it\n", yield_time_ms=30_000)
    assert last.output.endswith("it\r\ngot it\r\n")
    assert last.exit_code == 4


async def test_a_command_without_a_terminal_is_interrupted(unified: UnifiedExec) -> None:
    started = await unified.exec_command(argv=programs.sleep(), yield_time_ms=250)
    assert started.session_id is not None
    with pytest.raises(errors.TerminalMissingError):
        await unified.write_stdin(started.session_id, "x")
    last = await unified.write_stdin(started.session_id, "\x03", yield_time_ms=30_000)
    assert last.exit_code == 130


async def test_terminating_ends_a_command_and_a_grace_is_refused(unified: UnifiedExec) -> None:
    started = await unified.exec_command("echo $$; exec sleep 600", yield_time_ms=250)
    assert started.session_id is not None
    pid = int(await until_output(unified, started, "\n"))
    with pytest.raises(errors.UnsupportedError):
        await unified.terminate(started.session_id, grace_s=1)
    assert procfs.is_alive(pid)
    result = await within(unified.terminate(started.session_id), what="its end")
    assert result.exit_code is not None
    await eventually(lambda: not procfs.is_alive(pid), what="its death")


async def test_closing_kills_what_runs_also_when_a_grace_cannot_be_given(
    exec_server: Server,
) -> None:
    async with connect(exec_server.url) as client:
        unified = UnifiedExec(client)
        started = await unified.exec_command("echo $$; exec sleep 600", yield_time_ms=250)
        pid = int(await until_output(unified, started, "\n"))
        with pytest.raises(errors.UnsupportedError):
            await unified.close(grace_s=1)
        await eventually(lambda: not procfs.is_alive(pid), what="its death")
        await unified.close()


async def test_output_that_the_host_could_not_keep_is_told_in_its_place(
    proxy: FaultProxy, unified: UnifiedExec, exec_server: Server, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    script = f"echo first; until [ -e {go} ]; do sleep 0.01; done; seq 1 1000000"
    running = asyncio.ensure_future(
        unified.exec_command(script, yield_time_ms=30_000, max_output_tokens=1_000_000)
    )
    await eventually(
        lambda: any(entry.unread_bytes for entry in unified.list()), what="the first line"
    )
    proxy.refuse()
    proxy.cut()
    go.touch()
    await eventually(lambda: not exec_server.children(), what="its end")
    proxy.accept()
    result = await within(running, what="the end")
    assert result.output.startswith("first\n")
    assert "\n... an unknown number of bytes lost ...\n" in result.output
    assert result.output.endswith("\n999999\n1000000\n")
    assert (result.exit_code, result.lost_bytes) == (0, None)
