"""A client that comes back at another worker finds its session all the same."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from telexec_client import connect
from tests.harness import programs
from tests.harness.certificates import TLS_LOOPBACK, Authority
from tests.harness.deadline import within
from tests.harness.fault_proxy import fault_proxy
from tests.harness.http_request import page
from tests.harness.raw_peer import ConnectionEndedError, PeerError, RawPeer, decoded, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.integration.workers.conftest import OPTIONS
from tests.integration.workers.crew import KEPT, crowd, pid_of, slot_of

LINES = 100_000
"""Numbered lines up to this one are less than is retained."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return who vouches for the services of these tests."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=[f"{loop} {by}" for loop in OPTIONS for by in ("plain", "TLS")])
def way(
    request: pytest.FixtureRequest, tmp_path: Path, authority: Authority
) -> Iterator[tuple[Server, ssl.SSLContext | None]]:
    """Return a service of three workers on either loop, with and without TLS."""
    loop, by = request.param.split()
    options = OPTIONS[loop]
    if by == "plain":
        with running_service(tmp_path, options=options) as server:
            yield server, None
    else:
        options = [*options, *authority.issue().options]
        with running_service(tmp_path, listen=TLS_LOOPBACK, options=options) as server:
            yield server, authority.context()


@pytest.mark.parametrize("handle", [{}, {"handle": 7}], ids=["text", "binary"])
async def test_nothing_is_lost_between_two_workers(
    way: tuple[Server, ssl.SSLContext | None], handle: dict[str, int]
) -> None:
    server, tls = way
    async with AsyncExitStack() as held:
        async with raw_peer(server.url, tls=tls) as first:
            owner = await pid_of(first)
            process = await first.start(
                programs.shell(f"read go; seq 1 {LINES}; read go; echo after; exit 5"),
                env={"PATH": "/bin:/usr/bin"},
                pipeStdin=True,
                **handle,
            )
            await process.write(b"go\n")
            await process.until_output(b"\n9\n")
            await crowd(server, slot_of(first), held, tls=tls)
        async with raw_peer(server.url, tls=tls, resume=first.session_id) as second:
            assert second.session_id == first.session_id
            second.handles.update(first.handles)
            again = second.process(process.process_id)
            assert await again.write(b"go\n") == "accepted"
            await second.until(lambda: again.is_closed, what="the end")
            assert again.exit_event is not None
            assert again.exit_event["exitCode"] == 5
            assert again.output().endswith(b"after\n")
            assert ("isBinary" in str(again.events)) == bool(handle)
            # What was under way when the connection was closed is not pushed again.
            batch = await again.read(afterSeq=0)
            assert decoded(batch) == programs.expected_lines(1, LINES) + b"after\n"
            assert await pid_of(second) == owner
            fed = await second.start(programs.checksum_stdin(), pipeStdin=True)
            await fed.write(b"x" * 1_000_000)
            await fed.close_stdin()
            assert await fed.exit_code() == 0


async def test_the_connection_is_one_of_the_owner_and_counted_once(three: Server) -> None:
    async with AsyncExitStack() as held:
        async with raw_peer(three.url) as first:
            opened = await crowd(three, slot_of(first), held)
        async with raw_peer(three.url, resume=first.session_id):
            numbers = await page(three, "/metrics")
            # And the one that asks.
            assert f"telexec_connections_open {KEPT + 2:.1f}" in numbers
            assert f'telexec_connections_total{{result="opened"}} {opened + 2:.1f}' in numbers
            assert "telexec_sessions_resumed_total 1.0" in numbers


async def test_what_was_said_before_is_not_answered_twice(three: Server) -> None:
    async with AsyncExitStack() as held:
        async with raw_peer(three.url) as first:
            await crowd(three, slot_of(first), held)
        async with raw_peer(three.url, initialize=False) as second:
            early = await second.refusal("environment/info")
            assert early.reason == "notInitialized"
            unknown = await second.refusal(
                "initialize", {"clientName": "x", "resumeSessionId": "no such"}
            )
            assert unknown.reason == "sessionUnknown"
            await second.initialize(resume=first.session_id)
            assert second.session_id == first.session_id
            assert (await second.request("environment/info"))["platformOs"] == "linux"
            assert second.stray_answers == []


async def test_what_is_said_without_waiting_for_an_answer_is_answered_once(three: Server) -> None:
    async with AsyncExitStack() as held:
        async with raw_peer(three.url) as first:
            await crowd(three, slot_of(first), held)
        async with raw_peer(three.url, initialize=False) as second:
            params = {"clientName": "x", "resumeSessionId": first.session_id}
            begun = await second.ask("initialize", params)
            asked = [await second.ask("environment/info", {}) for _ in range(20)]
            assert (await second.answer(begun))["sessionId"] == first.session_id
            for request in asked:
                with pytest.raises(PeerError, match="send `initialize"):
                    await second.answer(request)
            await second.notify("initialized")
            assert (await second.request("environment/info"))["platformOs"] == "linux"
            assert second.stray_answers == []


async def test_a_session_that_is_attached_is_that_at_every_worker(three: Server) -> None:
    async with AsyncExitStack() as held, raw_peer(three.url) as first:

        async def keep_reading() -> None:
            await first.until_ended()

        await crowd(three, slot_of(first), held)
        reading = asyncio.ensure_future(keep_reading())
        with pytest.raises(PeerError) as refused:
            await held.enter_async_context(raw_peer(three.url, resume=first.session_id))
        assert refused.value.code == -32010
        reading.cancel()


async def test_an_id_that_no_worker_knows_is_unknown_at_every_worker(three: Server) -> None:
    for slot in (0, 1, 2, 3, 255):
        made_up = f"00000000-0000-8000-8000-0000000000{slot:02x}"
        for _ in range(3):
            with pytest.raises(PeerError) as refused:
                async with raw_peer(three.url, resume=made_up):
                    pass
            assert (refused.value.code, refused.value.reason) == (-32600, "sessionUnknown")


async def test_a_name_is_there_once_and_leads_to_its_session_from_everywhere(three: Server) -> None:
    async def ask(peer: RawPeer, **wish: object) -> Any:
        params = {"clientName": "x", "telexec": {"version": 1, **wish}}
        return await peer.request("initialize", params)

    async with AsyncExitStack() as held:

        async def newcomer() -> RawPeer:
            return await held.enter_async_context(raw_peer(three.url, initialize=False))

        made = {
            name: (await ask(await newcomer(), sessionName=name))["sessionId"]
            for name in ("build", "test", "deploy", "docs")
        }
        for name, session_id in made.items():
            for _ in range(3):
                with pytest.raises(PeerError) as refused:
                    await ask(await newcomer(), sessionName=name)
                assert refused.value.reason == "sessionNameTaken"
                taken = await ask(await newcomer(), sessionName=name, attach="takeOver")
                assert taken["sessionId"] == session_id


async def test_who_said_too_much_before_is_told_to_come_again(three: Server) -> None:
    async with AsyncExitStack() as held:
        async with raw_peer(three.url) as first:
            await crowd(three, slot_of(first), held)
        async with raw_peer(three.url, initialize=False) as second:
            await second.refusal("environment/info", {"padding": "x" * 100_000})
            with pytest.raises(ConnectionEndedError):
                await second.initialize(resume=first.session_id)
        async with raw_peer(three.url, resume=first.session_id) as third:
            assert third.session_id == first.session_id


async def test_a_client_notices_nothing(
    way: tuple[Server, ssl.SSLContext | None], authority: Authority
) -> None:
    server, tls = way
    expected = programs.expected_lines(1, 500_000)
    ca_file = None if tls is None else str(authority.file)
    with fault_proxy(server.url) as proxy:
        async with connect(proxy.url, ca_file=ca_file) as client:

            async def cut_again_and_again() -> None:
                while True:
                    # A piece of output has 128 KiB at the most.
                    await proxy.cut_after(server_bytes=400_000)

            cutting = asyncio.ensure_future(cut_again_and_again())
            try:
                done = await within(
                    client.run(programs.numbered_lines(1, 500_000)), what="all lines", deadline_s=60
                )
            finally:
                cutting.cancel()
            assert done.stdout == expected
            assert proxy.connections > 4
