"""Whoever asks for much at once gets all of it, and the others have their turn meanwhile."""

import json
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.deadline import DEADLINE_S, eventually, within
from tests.harness.raw_peer import Json, RawPeer, raw_peer
from tests.harness.server import Server, minimal_environment
from tests.harness.service import running_service, service_argv

pytestmark = pytest.mark.parametrize("options", [[], ["--no-uvloop"]], ids=["uvloop", "asyncio"])

MANY = 200


def start(number: int) -> Json:
    return {
        "processId": f"p{number}",
        "argv": programs.succeed(),
        "cwd": "file:///",
        "env": {"PATH": "/usr/bin:/bin"},
        "tty": False,
        "pipeStdin": False,
    }


async def ask_for_many(peer: RawPeer) -> list[int]:
    return [await peer.ask("process/start", start(number)) for number in range(MANY)]


async def taken(peer: RawPeer) -> list[int]:
    """Take all that is said of the processes; return which answers there were, in order."""
    answers, closed = list[int](), 0
    while closed < MANY:
        frame = json.loads(await within(peer.channel.receive(), what="all that there is"))
        closed += frame.get("method") == "process/closed"
        answers += [frame["id"]] if "id" in frame else []
    return answers


def completed(server: Server) -> list[str]:
    """Return the methods of all requests, in the order in which they were done."""
    lines = [json.loads(line) for line in server.log().splitlines()]
    return [line["method"] for line in lines if line["event"] == "rpc.completed"]


@asynccontextmanager
async def holding_its_breath(server: Server) -> AsyncGenerator[None]:
    """All that it is sent in the block is there when it reads for the first time."""
    server.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.send_signal(signal.SIGCONT)


async def test_a_request_is_not_done_behind_all_that_another_peer_asked_for_before(
    tmp_path: Path, options: list[str]
) -> None:
    with running_service(tmp_path, options=options) as server:
        async with raw_peer(server.url) as busy, raw_peer(server.url) as other:
            async with holding_its_breath(server):
                await ask_for_many(busy)
                question = await other.ask("environment/info", {})
            await other.answer(question)
            await taken(busy)
        await eventually(lambda: completed(server).count("process/start") == MANY)
        assert completed(server).index("environment/info") < MANY / 4


async def test_many_requests_at_once_are_answered_in_their_order(
    tmp_path: Path, options: list[str]
) -> None:
    with running_service(tmp_path, options=options) as server:
        async with raw_peer(server.url) as peer:
            async with holding_its_breath(server):
                asked = await ask_for_many(peer)
            assert await taken(peer) == asked


async def test_what_was_asked_for_before_a_goodbye_is_done(
    tmp_path: Path, options: list[str]
) -> None:
    with running_service(tmp_path, options=options) as server:
        async with raw_peer(server.url) as peer, holding_its_breath(server):
            await ask_for_many(peer)
        await eventually(lambda: completed(server).count("process/start") == MANY)


def test_what_was_asked_for_before_the_end_of_stdin_is_answered(
    tmp_path: Path, options: list[str]
) -> None:
    requests: list[Json] = [
        {"id": 0, "method": "initialize", "params": {"clientName": "x"}},
        {"method": "initialized", "params": {}},
        *(
            {"id": 1 + number, "method": "process/start", "params": start(number)}
            for number in range(MANY)
        ),
    ]
    done = subprocess.run(
        service_argv("stdio", "--debuggable", *options),
        input="".join(json.dumps(it) + "\n" for it in requests),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=minimal_environment(tmp_path),
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [it["id"] for it in answers if "id" in it] == list(range(MANY + 1))
