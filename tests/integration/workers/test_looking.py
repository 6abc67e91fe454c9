"""What any worker is asked for is what all of them have, or it is said what is missing."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from telexec_client import connect
from telexec_client.errors import SessionElsewhereError, SessionNotFoundError
from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.raw_peer import PeerError, RawPeer, raw_peer
from tests.harness.server import Server
from tests.integration.workers.crew import pid_of, slot_of, until_workers, workers

PEERS = 9
"""Three for each worker."""

QUESTIONS = 300
"""More than may wait for a worker that reads none of them."""


async def listed(peer: RawPeer) -> dict[str, Any]:
    return dict(await peer.request("session/list"))


def ids(listing: dict[str, Any]) -> list[str]:
    return [it["sessionId"] for it in listing["sessions"]]


@asynccontextmanager
async def one_for_each(server: Server) -> AsyncIterator[dict[int, RawPeer]]:
    """Open a session at each of three workers."""
    async with AsyncExitStack() as held:
        peers: dict[int, RawPeer] = {}
        for _ in range(3):
            peer = await held.enter_async_context(raw_peer(server.url))
            peers[slot_of(peer)] = peer
        assert set(peers) == {0, 1, 2}
        yield peers


@asynccontextmanager
async def stopped(pid: int) -> AsyncIterator[None]:
    """Have a process do nothing for a while."""

    def is_stopped() -> bool:
        entry = procfs.process(pid)
        return entry is not None and entry.state == "T"

    os.kill(pid, signal.SIGSTOP)
    try:
        await eventually(is_stopped, what="the process to stop")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def until_listed(peer: RawPeer, expected: set[str | None]) -> None:
    """Wait until these sessions are listed, and none is missing."""
    while True:
        answer = await listed(peer)
        if set(ids(answer)) == expected and answer["silentWorkers"] == []:
            return


async def test_every_worker_lists_the_sessions_of_all_the_newest_first(three: Server) -> None:
    async with AsyncExitStack() as held:
        peers = [await held.enter_async_context(raw_peer(three.url)) for _ in range(PEERS)]
        for peer in peers:
            answer = await listed(peer)
            assert set(ids(answer)) == {it.session_id for it in peers}
            created = [it["createdAtMs"] for it in answer["sessions"]]
            assert created == sorted(created, reverse=True)
            assert (answer["truncated"], answer["silentWorkers"]) == (False, [])


async def test_what_is_asked_at_the_same_time_is_answered_to_all(three: Server) -> None:
    async with one_for_each(three) as peers:
        asked = [(it, await it.ask("session/list", {})) for it in peers.values() for _ in range(20)]
        for peer, request in asked:
            assert len(ids(await peer.answer(request))) == 3


async def test_a_session_that_is_there_when_it_is_asked_is_listed(three: Server) -> None:
    async with one_for_each(three) as peers:
        # A question is under way, and may have been answered by somebody already.
        before = await peers[0].ask("session/list", {})
        async with raw_peer(three.url) as newest:
            assert newest.session_id in ids(await listed(peers[0]))
        await peers[0].answer(before)


async def test_of_a_worker_that_does_not_answer_it_is_said_that_its_sessions_are_missing(
    three: Server,
) -> None:
    async with one_for_each(three) as peers:
        pid = await pid_of(peers[1])
        async with stopped(pid):
            for _ in range(2):
                answer = await listed(peers[0])
                assert set(ids(answer)) == {peers[0].session_id, peers[2].session_id}
                assert answer["silentWorkers"] == [1]
        everything = {it.session_id for it in peers.values()}
        await within(until_listed(peers[0], everything), what="all sessions")


async def test_questions_do_not_wait_in_line_for_a_worker_that_does_not_answer(
    three: Server,
) -> None:
    async with one_for_each(three) as peers:
        pid = await pid_of(peers[1])
        async with stopped(pid):
            for _ in range(QUESTIONS):
                assert (await listed(peers[0]))["silentWorkers"] == [1]
        # It was not taken for dead.
        assert await pid_of(peers[1]) == pid
        assert pid in workers(three)


async def test_a_worker_that_is_gone_is_not_missing(three: Server) -> None:
    async with one_for_each(three) as peers:
        pid = await pid_of(peers[1])
        os.kill(pid, signal.SIGKILL)
        left = {peers[0].session_id, peers[2].session_id}
        await within(until_listed(peers[0], left), what="the end of its sessions")
        await until_workers(three, 3, pid)
        await within(until_listed(peers[0], left), what="the same with a new worker")


async def test_a_session_beside_another_one_can_look_into_that(three: Server) -> None:
    async with AsyncExitStack() as held:
        owners = [
            await held.enter_async_context(raw_peer(three.url, wish={"sessionName": name}))
            for name in ("build", "test", "deploy", "docs")
        ]
        owners += [await held.enter_async_context(raw_peer(three.url)) for _ in range(3)]
        for owner in owners:
            process = await owner.start(programs.say_and_sleep("said"))
            assert owner.extensions is not None
            for called in filter(None, (owner.session_id, owner.extensions.get("sessionName"))):
                async with raw_peer(three.url, wish={"beside": called}) as reader:
                    assert reader.session_id != owner.session_id
                    assert slot_of(reader) == slot_of(owner)
                    seen = await reader.request("process/list", {"session": called})
                    assert [it["processId"] for it in seen["processes"]] == [process.process_id]
                    await reader.request(
                        "process/attach",
                        {"processId": process.process_id, "session": called, "watchId": "w"},
                    )
                    assert await reader.process("w").until_output(b"said") == b"said"
            await process.terminate()


async def test_looking_from_another_worker_is_refused_with_what_to_do(three: Server) -> None:
    async with one_for_each(three) as peers:
        for method, params in (
            ("process/list", {}),
            ("process/attach", {"processId": "p", "watchId": "w"}),
        ):
            error = await peers[0].refusal(method, {"session": peers[1].session_id, **params})
            assert (error.code, error.reason) == (-32600, "sessionElsewhere")
            assert "beside" in str(error)
            # What no worker can have is not elsewhere.
            nobodys = "00000000-0000-8000-8000-0000000000ff"
            error = await peers[0].refusal(method, {"session": nobodys, **params})
            assert error.reason == "sessionUnknown"


async def test_beside_a_session_that_is_not_there_is_anywhere(three: Server) -> None:
    for called in ("nobodys", "", "00000000-0000-8000-8000-0000000000ff", "ä" * 1000):
        async with raw_peer(three.url, wish={"beside": called}) as peer:
            error = await peer.refusal("process/list", {"session": called})
            assert error.reason == "sessionUnknown"


@pytest.mark.parametrize(
    "wish", [{"sessionName": "x"}, {"sessionName": "x", "attach": "resume"}], ids=["new", "old"]
)
async def test_a_session_that_has_its_place_is_not_made_beside_another(
    three: Server, wish: dict[str, str]
) -> None:
    with pytest.raises(PeerError) as refused:
        async with raw_peer(three.url, wish={**wish, "beside": "y"}):
            pass
    assert refused.value.reason == "paramsInvalid"


async def test_a_client_is_told_how_to_look_into_a_session_and_does(three: Server) -> None:
    async with one_for_each(three) as peers, connect(three.url) as client:
        everything = await client.sessions()
        assert {it.session_id for it in everything.sessions} == {
            client.session_id,
            *(it.session_id for it in peers.values()),
        }
        for peer in peers.values():
            assert peer.session_id is not None
            process = await peer.start(programs.say_and_sleep("said"))
            if slot_of(peer) != int(client.session_id[-2:], 16):
                with pytest.raises(SessionElsewhereError, match="beside"):
                    await client.processes(peer.session_id)
                with pytest.raises(SessionElsewhereError, match="beside"):
                    await client.watch(peer.session_id, process.process_id)
            async with connect(three.url, beside=peer.session_id) as reader:
                (entry,) = (await reader.processes(peer.session_id)).processes
                async with reader.watch(peer.session_id, entry.process_id) as watched:
                    assert (await anext(watched.output())).data == b"said"
            await process.terminate()
        async with connect(three.url, beside="nobodys") as reader:
            with pytest.raises(SessionNotFoundError):
                await reader.processes("nobodys")
