"""A start that is sent again starts nothing again."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.harness import programs
from tests.harness.raw_peer import Json, PeerError, RawPeer, RawProcess, raw_peer
from tests.harness.server import Server


def start_params(argv: list[str], **params: Any) -> Json:
    return {
        "processId": f"p-{uuid.uuid4()}",
        "argv": argv,
        "cwd": "file:///",
        "env": {},
        "tty": False,
        **params,
    }


async def start(peer: RawPeer, params: Json) -> RawProcess:
    return peer.process(params["processId"], await peer.request("process/start", params))


async def test_the_same_start_again_is_answered_with_the_same_process(
    host: Server, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    argv = programs.shell('echo started >> "$1"; read line; exit 3', str(count))
    params = start_params(argv, pipeStdin=True, env={"A": "1", "B": "2"}, handle=7)
    async with raw_peer(host.url) as peer:
        first = await start(peer, params)
        # Objects have no order, and what is about the way of the output is not about the process.
        again = await start(peer, params | {"env": {"B": "2", "A": "1"}, "creditBytes": 1})
        assert again.started["pid"] == first.started["pid"]
        assert again.started["env"] == first.started["env"]
        assert again.started["handle"] == 7
        await first.close_stdin()
        assert await first.exit_code() == 3
        # Also after its end, as long as it is remembered.
        late = await start(peer, params)
        assert late.started["pid"] == first.started["pid"]
    assert count.read_text() == "started\n"


async def test_a_start_that_is_sent_again_on_another_connection_is_the_same(host: Server) -> None:
    params = start_params(programs.echo(), pipeStdin=True)
    async with raw_peer(host.url) as peer:
        first = await start(peer, params)
    async with raw_peer(host.url, resume=peer.session_id) as resumed:
        again = await start(resumed, params)
        assert again.started["pid"] == first.started["pid"]
        assert await again.terminate()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"argv": ["/bin/echo", "two"]}, ["argv"]),
        ({"env": {"SECRET_WORD": "xyzzy"}}, ["env"]),
        ({"timeoutMs": 60_000, "cwd": "file:///tmp"}, ["cwd", "timeoutMs"]),
        ({"tty": True, "size": {"rows": 3, "columns": 4}}, ["tty", "size"]),
        ({"metadata": {"threadId": "t"}}, ["metadata"]),
    ],
)
async def test_another_start_under_the_same_id_is_told_what_differs(
    host: Server, changes: Json, names: list[str]
) -> None:
    params = start_params(programs.say("one"))
    async with raw_peer(host.url) as peer:
        await (await start(peer, params)).until_closed()
        error = await peer.refusal("process/start", params | changes)
        assert (error.code, error.reason) == (-32600, "processExists")
        assert sorted(error.data["differing"]) == sorted(names)
        assert all(name in error.message for name in names)
        assert "xyzzy" not in str(error.data) + error.message


async def test_who_does_not_know_of_it_is_told_that_the_id_is_taken(host: Server) -> None:
    params = start_params(programs.say("x"))
    async with raw_peer(host.url, extensions=False) as peer:
        await start(peer, params)
        error = await peer.refusal("process/start", params)
        assert (error.code, error.reason) == (-32600, "processExists")


async def test_a_start_that_failed_is_tried_again(host: Server, tmp_path: Path) -> None:
    program = tmp_path / "program"
    params = start_params([str(program)])
    async with raw_peer(host.url) as peer:
        with pytest.raises(PeerError, match="program"):
            await start(peer, params)
        program.write_text("#!/bin/sh\nexit 5\n")
        program.chmod(0o755)
        assert await (await start(peer, params)).exit_code() == 5
