"""A start that is sent again starts nothing again."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.harness import programs
from tests.harness.deadline import eventually
from tests.harness.fault_proxy import fault_proxy
from tests.harness.raw_peer import Json, PeerError, RawPeer, RawProcess, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service


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


def counted(tmp_path: Path, count: int) -> list[Json]:
    """Return starts that note themselves in the file `count` and end when there is a file `go`."""
    script = 'echo "$3" >> "$1"; until [ -e "$2" ]; do sleep 0.02; done; echo done'
    env = {"PATH": "/bin:/usr/bin"}
    files = str(tmp_path / "count"), str(tmp_path / "go")
    return [
        start_params(programs.shell(script, *files, str(number)), env=env)
        for number in range(count)
    ]


async def test_no_start_is_done_twice_because_a_dead_connection_was_noticed_too_late(
    tmp_path: Path,
) -> None:
    (params,) = counted(tmp_path, 1)
    with (
        running_service(tmp_path, config="[sessions]\nfinished_s = 0.1\n") as server,
        fault_proxy(server.url) as proxy,
    ):
        async with raw_peer(proxy.url) as peer, raw_peer(server.url) as other:
            await peer.ask("process/start", params)
            await eventually((tmp_path / "count").exists, what="the start")
            # From here on the host speaks to nobody, and does not know it.
            proxy.stall()
            (tmp_path / "go").touch()
            await eventually(lambda: not server.children(), what="its end")
            clock = await other.start(programs.sleep(1))
            await clock.until_closed()
            proxy.cut()
            proxy.resume()
        async with raw_peer(server.url, resume=peer.session_id) as resumed:
            again = await start(resumed, params)
            assert (await again.read(afterSeq=0))["exitCode"] == 0
        assert (tmp_path / "count").read_text() == "0\n"


async def test_nor_because_more_have_ended_than_are_remembered(tmp_path: Path) -> None:
    starts = counted(tmp_path, 3)
    rules = "[limits]\nmax_finished_processes = 1\n[sessions]\nfinished_s = 2.0\n"
    with (
        running_service(tmp_path, config=rules) as server,
        fault_proxy(server.url) as proxy,
    ):
        async with raw_peer(proxy.url) as peer:
            for params in starts:
                await peer.ask("process/start", params)
            count = tmp_path / "count"
            await eventually(
                lambda: count.exists() and len(count.read_text()) == 6, what="the starts"
            )
            proxy.stall()
            (tmp_path / "go").touch()
            await eventually(lambda: not server.children(), what="their ends")
            proxy.cut()
            proxy.resume()
        async with raw_peer(server.url, resume=peer.session_id) as resumed:
            refusals = [await refusal_of(resumed, params) for params in starts]
            assert len(list(filter(None, refusals))) == 2
            # Once its client had time to send it again, and has all that was sent, an id is free.
            for params in starts:
                while await refusal_of(resumed, params | {"argv": programs.succeed()}):
                    pass
        assert sorted(count.read_text().split()) == ["0", "1", "2"]


async def refusal_of(peer: RawPeer, params: Json) -> str | None:
    """Start a process; return why it may not be started again, None if it may or is known."""
    try:
        await start(peer, params)
    except PeerError as error:
        if error.reason == "processExists":
            return None
        if error.reason == "processUnknown" and "max_finished_processes" in error.message:
            return error.message
        raise
    return None
