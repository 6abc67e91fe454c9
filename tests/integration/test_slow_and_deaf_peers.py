"""A slow peer is waited for; one that does not end when it is told to is cut off."""

import asyncio
import time
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from tests.harness import programs
from tests.harness.certificates import TLS_LOOPBACK, Authority
from tests.harness.deadline import within
from tests.harness.raw_peer import RawPeer, WebSocketChannel, raw_peer
from tests.harness.server import Server
from tests.harness.service import LOOPBACK, running_service

ANSWER_BYTES = 20_000_000


def transport_of(peer: RawPeer) -> asyncio.Transport:
    """Return what carries a peer's bytes."""
    assert isinstance(peer.channel, WebSocketChannel)
    return peer.channel.connection.transport


@pytest.mark.parametrize("has_tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("option", [[], ["--no-uvloop"]], ids=["uvloop", "asyncio"])
async def test_one_that_takes_its_answers_slowly_is_not_taken_for_dead(
    tmp_path: Path, option: list[str], *, has_tls: bool
) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(ANSWER_BYTES))
    config = "[keepalive]\ninterval_s = 0.5\ntimeout_s = 1.0\n"
    authority = Authority(tmp_path)
    options = [*option, *(authority.issue().options if has_tls else [])]
    listen = TLS_LOOPBACK if has_tls else LOOPBACK
    with running_service(tmp_path, listen=listen, config=config, options=options) as server:
        async with raw_peer(server.url, tls=authority.context() if has_tls else None) as peer:
            params = {"path": file.as_uri(), "sandbox": None}
            asked = [await peer.ask("fs/readFile", params) for _ in range(2)]
            transport = transport_of(peer)
            # So long that a pong behind the answers comes too late.
            until = time.monotonic() + 2.5
            while time.monotonic() < until:
                transport.pause_reading()
                await asyncio.sleep(0.25)
                transport.resume_reading()
                await asyncio.sleep(0.001)
            for request_id in asked:
                assert len((await peer.answer(request_id))["dataBase64"]) > ANSWER_BYTES


async def test_one_that_goes_on_talking_after_the_close_is_cut_off(service: Server) -> None:
    host, port = service.url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n"
    )

    async def talk_until_it_ends() -> None:
        wrong = b'{"method":"no/such/notification"}'
        writer.write(Frame(Opcode.TEXT, wrong).serialize(mask=True))
        while not reader.at_eof():
            writer.write(Frame(Opcode.PONG, b"").serialize(mask=True))
            try:
                async with asyncio.timeout(0.2):
                    await reader.read(65_536)
            except TimeoutError:
                continue
            except ConnectionResetError:
                return

    await within(talk_until_it_ends(), what="the end of the connection", deadline_s=15)
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        return


async def test_a_write_beyond_the_requests_in_flight_is_refused_and_not_written(
    tmp_path: Path,
) -> None:
    config = "[limits]\nmax_requests_in_flight = 1\nstdin_buffer_bytes = 1\n"
    go = tmp_path / "go"
    with running_service(tmp_path, config=config) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(
                programs.shell('until [ -e "$1" ]; do sleep 0.02; done; exec cat', str(go)),
                env={"PATH": "/bin:/usr/bin"},
                pipeStdin=True,
            )
            waiting = await peer.ask("process/write", process.write_params(b"a" * 3_000_000))
            refused = await peer.refusal("process/write", process.write_params(b"b"))
            assert refused.reason == "limitReached"
            go.touch()
            assert await peer.answer(waiting) == {"status": "accepted"}
            await process.close_stdin()
            await process.until_closed()
            assert process.output() == b"a" * 3_000_000
