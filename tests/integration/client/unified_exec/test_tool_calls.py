"""Calls as a model makes them."""

import json
import re

import pytest

from telexec_client import connect, errors
from telexec_client.unified_exec import UnifiedExec
from tests.harness.server import Server

pytestmark = pytest.mark.both_loops


async def call(unified: UnifiedExec, tool: str, **arguments: object) -> str:
    return await unified.call(tool, json.dumps(arguments))


async def test_a_model_runs_feeds_and_ends_a_command(unified: UnifiedExec) -> None:
    started = await call(
        unified,
        "exec_command",
        cmd="read said; echo got $said; exit 2",
        tty=True,
        yield_time_ms=250,
        login=None,
    )
    found = re.search(r"session ID (\d+)", started)
    assert found is not None
    ended = await call(
        unified, "write_stdin", session_id=int(found[1]), chars="it\n", yield_time_ms=30_000
    )
    assert "Process exited with code 2\n" in ended
    assert ended.endswith("\r\ngot it\r\n")


async def test_a_mistake_of_a_model_is_text_for_it(unified: UnifiedExec) -> None:
    running = await call(unified, "exec_command", cmd="sleep 600", yield_time_ms=250)
    found = re.search(r"session ID (\d+)", running)
    assert found is not None
    live = found[1]
    mistakes = {
        ("exec_command", '{"command": "ls"}'): "unknown field `command`; it takes cmd",
        ("exec_command", '{"cmd": ""}'): "cmd is empty",
        ("exec_command", '{"cmd": "ls", "workdir": "/no/such"}'): "/no/such",
        ("exec_command", '{"cmd": "ls", "shell": "no-such-shell"}'): "no-such-shell",
        ("write_stdin", '{"session_id": 7}'): f"cannot find session 7.*there are {live}",
        ("write_stdin", f'{{"session_id": {live}, "chars": "x"}}'): "tty=true",
        ("apply_patch", "{}"): "the tools are exec_command and write_stdin",
    }
    for (tool, arguments), told in mistakes.items():
        text = await unified.call(tool, arguments)
        assert text.startswith(f"{tool} failed: cannot ")
        assert re.search(told, text), text


async def test_what_a_host_refuses_is_text_for_the_model(service: Server) -> None:
    async with connect(service.url) as client, UnifiedExec(client) as unified:
        too_large = "x" * 200_000
        text = await call(unified, "exec_command", cmd=f": {too_large}")
        assert text.startswith("exec_command failed: cannot ")


async def test_what_no_call_can_mend_is_an_error_for_the_harness(service: Server) -> None:
    client = await connect(service.url)
    unified = UnifiedExec(client)
    await client.close()
    with pytest.raises(errors.ClientClosedError):
        await call(unified, "exec_command", cmd="true")
    await unified.close()
    with pytest.raises(errors.UnifiedExecClosedError):
        await call(unified, "exec_command", cmd="true")
