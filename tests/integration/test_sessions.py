"""A session outlives its connection, is taken up again, and ends when nobody comes back."""

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.fault_proxy import fault_proxy
from tests.harness.raw_peer import (
    ConnectionEndedError,
    RawPeer,
    RawProcess,
    decoded,
    raw_peer,
)
from tests.harness.server import Server
from tests.harness.service import running_service

LEASE_S = 0.5
WINDOW_BYTES = 200_000


@pytest.fixture(scope="module")
def short_lease(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service that waits only a moment for a client to come back."""
    config = f"[sessions]\nlease_s = {LEASE_S}\n[keepalive]\nprobe_s = 0.2\n"
    with running_service(tmp_path_factory.mktemp("short-lease"), config=config) as server:
        yield server


def merged(*parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events of several sources in the order of their numbers, each once."""
    by_seq = {event["seq"]: event for part in parts for event in part}
    return [by_seq[seq] for seq in sorted(by_seq)]


async def test_a_process_goes_on_without_its_connection(service: Server) -> None:
    async with raw_peer(service.url) as first:
        process = await first.start(programs.echo(), pipeStdin=True)
        await process.write(b"before\n")
        await process.until_output(b"before\n")
    async with raw_peer(service.url, resume=first.session_id) as second:
        assert second.session_id == first.session_id
        again = second.process(process.process_id)
        assert await again.write(b"after\n") == "accepted"
        await again.until_output(b"after\n")
        # Nothing is pushed a second time by itself; it can be read.
        assert again.output() == b"after\n"
        batch = await again.read(afterSeq=0)
        assert [chunk["seq"] for chunk in batch["chunks"]] == [1, 2]
        await again.close_stdin()
        await second.until(lambda: again.is_closed, what="the end")
        assert again.seqs == [2, 3, 4]


async def test_numbers_go_on_and_no_line_is_lost_whenever_the_connection_is_cut(
    service: Server,
) -> None:
    events: list[dict[str, Any]] = []
    with fault_proxy(service.url) as proxy:
        async with raw_peer(proxy.url) as peer:
            process = await peer.start(
                programs.numbered_lines(1, 1_000_000), creditBytes=WINDOW_BYTES
            )
            proxy.cut_after(server_bytes=5_000)
            with pytest.raises(ConnectionEndedError):
                await consume(process, events)
            events = contiguous(process.events)
        for server_bytes in (333_333, 1_000_001, 70_000, None):
            async with raw_peer(proxy.url, resume=peer.session_id) as again:
                process = again.process(process.process_id)
                batch = await process.read(afterSeq=len(events), afterBytes=size(events))
                assert batch["lost"] == 0
                assert batch["closed"] is False
                events = merged(events, batch["chunks"])
                if server_bytes is not None:
                    proxy.cut_after(server_bytes=server_bytes)
                    with pytest.raises(ConnectionEndedError):
                        await consume(process, events)
                else:
                    await consume(process, events)
                events = contiguous(merged(events, process.events))
    assert b"".join(map(chunk_of, events)) == programs.expected_lines(1, 1_000_000)
    assert events[-1]["method"] == "process/closed"


async def consume(process: RawProcess, known: list[dict[str, Any]]) -> None:
    """Take output to the end, and grant as much as was taken."""
    while not process.is_closed:
        have = len(process.events)
        # What was read may be pushed as well: only its number tells whether it is new.
        received_bytes = size(contiguous(merged(known, process.events)))
        await process.grant(received_bytes + WINDOW_BYTES, received_bytes=received_bytes)
        await process.until_more_than(have)


def chunk_of(event: dict[str, Any]) -> bytes:
    """Return the output in an event; none in one of another kind."""
    return base64.b64decode(event.get("chunk", ""))


def size(events: list[dict[str, Any]]) -> int:
    """Return how much output there is in events."""
    return sum(len(chunk_of(event)) for event in events)


def contiguous(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events up to the first gap, as a peer may count only those as received."""
    count = 0
    while count < len(events) and events[count]["seq"] == count + 1:
        count += 1
    return events[:count]


async def test_what_happens_meanwhile_is_told_afterwards(service: Server, tmp_path: Path) -> None:
    go, done = tmp_path / "go", tmp_path / "done"
    async with raw_peer(service.url) as first:
        process = await first.start(
            programs.shell(
                'echo before; until [ -e "$1" ]; do sleep 0.02; done; echo behind; '
                'touch "$2"; exit 9',
                str(go),
                str(done),
            )
        )
        await process.until_output(b"before\n")
    go.touch()
    await eventually(done.exists, what="the end of the process")
    async with raw_peer(service.url, resume=first.session_id) as second:
        again = second.process(process.process_id)
        await second.until(lambda: again.is_closed, what="the end")
        assert again.output() == b"behind\n"
        assert again.exit_event is not None
        assert again.exit_event["exitCode"] == 9
        assert again.seqs == [2, 3, 4]


async def test_what_is_written_while_a_connection_is_closing_is_told_on_the_next(
    service: Server, tmp_path: Path
) -> None:
    go, done = tmp_path / "go", tmp_path / "done"
    script = 'until [ -e "$1" ]; do sleep 0.02; done; echo behind; touch "$2"; sleep 600'
    argv = programs.shell(script, str(go), str(done))
    uri = parse_uri(service.url)
    reader, writer = await asyncio.open_connection(uri.host, uri.port)
    protocol = ClientProtocol(uri)
    protocol.send_request(protocol.connect())

    async def answer(*, to: str) -> str:
        while True:
            writer.write(b"".join(protocol.data_to_send()))
            for event in protocol.events_received():
                if isinstance(event, Frame) and to.encode() in event.data:
                    return bytes(event.data).decode()
            if to == "close" and protocol.close_rcvd is not None:
                return ""
            protocol.receive_data(await within(reader.read(65_536), what=to))

    hello = {"id": 1, "method": "initialize", "params": {"clientName": "half closed"}}
    start = {"processId": "p", "argv": argv, "cwd": "file:///", "env": {}, "tty": False}
    try:
        while protocol.state is not State.OPEN:
            writer.write(b"".join(protocol.data_to_send()))
            protocol.receive_data(await within(reader.read(65_536), what="the handshake"))
        protocol.send_text(json.dumps(hello).encode())
        session = json.loads(await answer(to="sessionId"))["result"]["sessionId"]
        protocol.send_text(b'{"method": "initialized"}')
        request = {"id": 2, "method": "process/start", "params": start}
        protocol.send_text(json.dumps(request).encode())
        await answer(to="sandboxType")
        # From here on the service knows that nobody listens, but the connection is not gone yet.
        protocol.send_close()
        await answer(to="close")
        go.touch()
        await eventually(done.exists, what="the output")
        async with raw_peer(service.url, resume=session) as second:
            again = second.process("p")
            await again.until_output(b"behind\n")
            await again.terminate()
            await again.until_closed()
    finally:
        writer.close()


async def test_more_than_is_retained_waits_for_the_client_to_come_back(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[limits]\nretained_bytes = 100_000\n") as server:
        async with raw_peer(server.url) as first:
            process = await first.start(programs.numbered_lines(1, 300_000), creditBytes=1)
            await first.until(lambda: bool(process.events), what="the first output")
        async with raw_peer(server.url, resume=first.session_id) as second:
            again = second.process(process.process_id)
            await consume(again, process.events)
            output = process.output() + again.output()
            assert output == programs.expected_lines(1, 300_000)


async def test_a_session_that_never_was_cannot_be_resumed(service: Server) -> None:
    async with raw_peer(service.url, initialize=False) as peer:
        params = {"clientName": "a peer", "resumeSessionId": "no such session"}
        error = await peer.refusal("initialize", params)
        assert (error.code, error.reason) == (-32600, "sessionUnknown")
        # The connection is as new.
        await peer.initialize()
        assert await (await peer.start(programs.succeed())).exit_code() == 0


async def test_a_session_has_one_connection_at_a_time(service: Server) -> None:
    async with raw_peer(service.url, initialize=False) as second:
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(raw_peer(service.url))
            process = await first.start(programs.echo(), pipeStdin=True)
            request = await second.ask(
                "initialize", {"clientName": "a peer", "resumeSessionId": first.session_id}
            )
            # The first one is alive: its library answers the service's ping while it is read.
            await first.request("environment/info")
            with pytest.raises(Exception, match="-32010") as refused:
                await second.answer(request)
            assert getattr(refused.value, "reason", None) == "sessionAttached"
            assert await process.write(b"still mine\n") == "accepted"
            await process.until_output(b"still mine\n")
        # Now that the first is gone, the same connection may take it over.
        await second.initialize(resume=first.session_id)
        assert await second.process(process.process_id).terminate() is True


async def test_a_dead_connection_does_not_lock_its_client_out(short_lease: Server) -> None:
    with fault_proxy(short_lease.url) as proxy:
        async with raw_peer(proxy.url) as lost:
            process = await lost.start(programs.echo(), pipeStdin=True)
            proxy.stall()
            async with raw_peer(short_lease.url, resume=lost.session_id) as peer:
                again = peer.process(process.process_id)
                await again.write(b"back\n")
                await again.until_output(b"back\n")
                await again.terminate()
            proxy.cut()


async def test_when_the_lease_is_over_the_processes_are_ended(short_lease: Server) -> None:
    async with raw_peer(short_lease.url) as peer:
        group = await peer.start(programs.family(3))
        terminal = await peer.start(programs.ignore_term(), tty=True)
        await group.until_output(b"\n")
        await terminal.until_output(b"ready")
        assert len(short_lease.children()) >= 5
    await eventually(lambda: not short_lease.children(), what="the end of every child")
    async with raw_peer(short_lease.url, initialize=False) as late:
        params = {"clientName": "a peer", "resumeSessionId": peer.session_id}
        error = await late.refusal("initialize", params)
        assert (error.code, error.reason) == (-32600, "sessionUnknown")


async def test_what_an_ended_process_left_behind_ends_with_the_session(
    short_lease: Server,
) -> None:
    async with raw_peer(short_lease.url) as peer:
        process = await peer.start(programs.grandchild_that_holds_the_pipe())
        await process.until_exited()
        output = await process.until_output(b"\n")
        grandchild = int(output.split()[1])
        assert procfs.is_alive(grandchild)
    await eventually(lambda: not procfs.is_alive(grandchild), what="the grandchild's end")


async def test_a_lease_begins_anew_with_every_connection(short_lease: Server) -> None:
    session_id: str | None = None
    process: RawProcess | None = None
    for _ in range(4):
        async with raw_peer(short_lease.url, resume=session_id) as peer:
            if process is None:
                session_id = peer.session_id
                process = await peer.start(programs.sleep(), processId="sleeper")
            # Attached for longer than the lease.
            clock = await peer.start(programs.sleep(LEASE_S * 1.2))
            await clock.until_closed()
            batch = await peer.process("sleeper").read()
            assert batch["exited"] is False


async def test_a_waiting_read_is_gone_with_its_connection(service: Server) -> None:
    async with raw_peer(service.url) as first:
        process = await first.start(programs.echo(), pipeStdin=True)
        await first.ask("process/read", {"processId": process.process_id, "waitMs": 600_000})
    async with raw_peer(service.url, resume=first.session_id) as second:
        again = second.process(process.process_id)
        await again.write(b"x\n")
        await again.until_output(b"x\n")
        await again.terminate()
        await second.until(lambda: again.is_closed, what="the end")
        assert second.stray_answers == []


async def test_sessions_do_not_see_each_other(service: Server) -> None:
    async with raw_peer(service.url) as one, raw_peer(service.url) as other:
        assert one.session_id != other.session_id
        mine = await one.start(programs.say("mine"), processId="same name")
        yours = await other.start(programs.say("yours"), processId="same name")
        await mine.until_closed()
        await yours.until_closed()
        assert (mine.output(), yours.output()) == (b"mine", b"yours")


async def test_an_ended_process_is_forgotten_after_a_time(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[sessions]\nfinished_s = 0.2\n") as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.say("x"))
            await process.until_closed()
            await forgotten(peer, process)
            # Its name may be used again.
            reused = await peer.start(programs.say("y"), processId=process.process_id)
            assert reused.started


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service that forgets an ended process after 2 s."""
    config = "[sessions]\nfinished_s = 2.0\n"
    with running_service(tmp_path_factory.mktemp("forgetful"), config=config) as server:
        yield server


async def test_an_ended_process_is_not_forgotten_while_it_is_being_read(forgetful: Server) -> None:
    async with raw_peer(forgetful.url) as peer:
        process = await peer.start(programs.say("x"))
        await process.until_closed()
        for _ in range(6):
            await passed(peer, 0.5)
            assert decoded(await process.read(afterSeq=0)) == b"x"


async def test_an_ended_process_is_kept_for_a_client_that_has_just_come_back(
    forgetful: Server,
) -> None:
    async with raw_peer(forgetful.url) as first:
        process = await first.start(programs.say("x"))
        await process.until_closed()
        await passed(first, 1.2)
    async with raw_peer(forgetful.url, resume=first.session_id) as second:
        await passed(second, 1.2)
        assert decoded(await second.process(process.process_id).read(afterSeq=0)) == b"x"


async def passed(peer: RawPeer, seconds: float) -> None:
    """Let time pass, by the host's clock."""
    clock = await peer.start(programs.sleep(seconds))
    await clock.until_closed()


async def forgotten(peer: RawPeer, process: RawProcess) -> None:
    """Wait until a process is unknown, by asking again and again."""
    while True:
        status = await peer.request("process/write", process.write_params(b""))
        if status == {"status": "unknownProcess"}:
            return
        await passed(peer, 0.1)


async def test_more_ends_than_are_remembered_can_be_told_on_return(tmp_path: Path) -> None:
    config = "[limits]\nmax_finished_processes = 1\n"
    go = tmp_path / "go"
    wait = programs.shell('until [ -e "$1" ]; do sleep 0.02; done', str(go))
    with running_service(tmp_path, config=config) as server:
        async with raw_peer(server.url) as first:
            await (await first.start(programs.succeed())).until_closed()
            meanwhile = [await first.start(wait, env={"PATH": "/bin:/usr/bin"}) for _ in range(3)]
        go.touch()
        await eventually(lambda: not server.children(), what="their ends")
        async with raw_peer(server.url, resume=first.session_id) as second:
            for process in meanwhile:
                await second.process(process.process_id).until_exited()
