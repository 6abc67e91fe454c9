"""What unified exec makes of hosts that lose output, or commands."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from telexec_client import errors
from telexec_client.unified_exec import UnifiedExec
from tests.component.client.scripted_host import (
    Line,
    ScriptedHost,
    client_of,
    encoded,
    reconnected,
)
from tests.harness.deadline import eventually, within


@asynccontextmanager
async def started(host: ScriptedHost) -> AsyncGenerator[tuple[UnifiedExec, Line, str, int]]:
    """Start a command that goes on: its process id is the host's, its session id the model's."""
    async with client_of(host) as (client, line):
        unified = UnifiedExec(client)
        starting = asyncio.ensure_future(unified.exec_command("prog", yield_time_ms=250))
        process_id = await line.start_process()
        result = await within(starting, what="the start")
        assert result.session_id is not None
        yield unified, line, process_id, result.session_id


async def test_output_that_was_lost_with_a_connection_is_told_where_it_is(
    host: ScriptedHost,
) -> None:
    async with started(host) as (unified, first, process_id, session_id):
        await first.push(process_id, 1, "first")
        await eventually(lambda: unified.list()[0].unread_bytes, what="the output")
        line = await reconnected(host, first)
        await line.expect("process/credit")
        read = await line.expect("process/read")
        chunk = {"seq": 9, "stream": "stdout", "chunk": encoded("last")}
        batch = {"nextSeq": 10, "exited": False, "exitCode": None, "closed": False, "lost": 70}
        await line.answer(read, batch | {"chunks": [chunk]})
        await line.push_end(process_id, 10, exit_code=2)
        result = await within(unified.write_stdin(session_id), what="the end")
    assert result.output == "first\n... 70 bytes lost ...\nlast"
    assert (result.lost_bytes, result.exit_code, result.original_token_count) == (70, 2, 3)


async def test_output_of_both_streams_is_in_the_order_of_the_host(host: ScriptedHost) -> None:
    async with started(host) as (unified, line, process_id, session_id):
        for seq, stream in enumerate(("stdout", "stderr", "stdout"), start=1):
            await line.push(process_id, seq, f"{seq}", stream)
        await line.push_end(process_id, 4)
        result = await within(unified.write_stdin(session_id), what="the end")
    assert result.output == "123"


async def test_a_host_is_given_credit_for_what_nobody_has_asked_for_yet(
    host: ScriptedHost,
) -> None:
    async with started(host) as (unified, line, process_id, session_id):
        granted = 0
        for seq in range(1, 5):
            await line.push(process_id, seq, "x" * 400_000)
            credit = await line.expect("process/credit")
            granted = credit["params"]["upToBytes"]
        assert granted > 4 * 400_000
        await line.push_end(process_id, 5)
        result = await within(unified.write_stdin(session_id), what="the end")
    assert result.omitted_bytes == 4 * 400_000 - 1024 * 1024


async def test_a_command_that_the_host_has_forgotten_is_lost_and_others_go_on(
    host: ScriptedHost,
) -> None:
    async with started(host) as (unified, first, process_id, session_id):
        await first.push(process_id, 1, "first")
        await eventually(lambda: unified.list()[0].unread_bytes, what="the output")
        line = await reconnected(host, first)
        await line.expect("process/credit")
        await line.refuse(await line.expect("process/read"), -32600, "no", reason="processUnknown")
        with pytest.raises(errors.CommandLostError, match=str(session_id)) as lost:
            await within(unified.write_stdin(session_id), what="the news")
        assert lost.value.output == "first"
        assert isinstance(lost.value.__cause__, errors.ProcessNotFoundError)
        with pytest.raises(errors.SessionUnknownError):
            await unified.write_stdin(session_id)
        going_on = asyncio.ensure_future(unified.exec_command("other"))
        await line.expect("process/credit")
        other_id = await line.start_process()
        await line.push_end(other_id, 1, exit_code=8)
        assert (await within(going_on, what="the end")).exit_code == 8


async def test_a_model_is_told_of_a_lost_command_with_what_it_wrote(host: ScriptedHost) -> None:
    async with started(host) as (unified, line, process_id, session_id):
        await line.push(process_id, 1, "half")
        await line.notify("process/closed", processId=process_id, seq=2)
        told = await within(
            unified.call("write_stdin", f'{{"session_id": {session_id}}}'), what="the text"
        )
    assert told.startswith(f"write_stdin failed: cannot follow session {session_id} any more: ")
    assert told.endswith("the host did not say\nOutput:\nhalf")


async def test_input_that_a_command_does_not_take_is_an_error_and_the_session_goes_on(
    host: ScriptedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telexec_client.unified_exec.command.INPUT_TIMEOUT_S", 0.01)
    async with client_of(host) as (client, line):
        unified = UnifiedExec(client)
        starting = asyncio.ensure_future(unified.exec_command("prog", tty=True, yield_time_ms=250))
        process_id = await line.start_process()
        session_id = (await within(starting, what="the start")).session_id
        assert session_id is not None
        with pytest.raises(errors.InputStalledError, match=str(session_id)):
            await within(unified.write_stdin(session_id, "text"), what="the error")
        await line.push_end(process_id, 1)
        assert (await within(unified.write_stdin(session_id), what="the end")).exit_code == 0


async def test_a_plain_host_is_asked_for_nothing_that_it_does_not_know(host: ScriptedHost) -> None:
    async with client_of(host, grant=None) as (client, line):
        unified = UnifiedExec(client)
        running = asyncio.ensure_future(unified.exec_command("prog"))
        request = await line.expect("process/start")
        assert request["params"]["argv"] == ["/bin/sh", "-lc", "prog"]
        assert request["params"]["cwd"] == "file:///"
        assert request["params"]["env"]["NO_COLOR"] == "1"
        process_id = request["params"]["processId"]
        await line.answer(request, {"processId": process_id, "sandboxType": "none"})
        # A plain host may tell of the end before the last output.
        await line.notify("process/exited", processId=process_id, seq=1, exitCode=0)
        await line.push(process_id, 2, "late")
        await line.notify("process/closed", processId=process_id, seq=3)
        assert (await within(running, what="the end")).output == "late"
