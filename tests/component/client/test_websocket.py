"""What the client's end of a WebSocket makes of what a server sends, byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Event
from websockets.server import ServerProtocol

from telexec_client.core.address import TcpAddress
from telexec_client.transport import Transport
from telexec_client.transport.websocket import MAX_MESSAGE_BYTES
from telexec_client.transport.websocket_dialer import WebSocketDialer
from tests.harness.deadline import within

pytestmark = pytest.mark.both_loops

Script = Callable[[bytes], list[bytes]]
"""Makes of the answer to the handshake what the server writes, piece by piece."""


class Recorder:
    """Keeps what a transport brings."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.why_lost: str | None = None
        self.changed = asyncio.Event()

    def on_frame(self, payload: bytes | bytearray | memoryview) -> None:
        self.frames.append(bytes(payload))
        self.changed.set()

    def on_lost(self, why: str, *, is_hung_up: bool) -> None:
        self.why_lost = why
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await within(self.changed.wait(), what="more of the transport")


class ScriptedServer:
    """Takes one connection, writes what the script says, and keeps what is answered."""

    def __init__(self) -> None:
        self.script: Script = lambda answer: [answer]
        self.protocol = ServerProtocol()
        self.events: list[Event] = []
        self.is_over = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    def write(self, content: bytes) -> None:
        """Write some more."""
        assert self._writer is not None
        self._writer.write(content)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        try:
            self.protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
            (request,) = self.protocol.events_received()
            assert isinstance(request, Request)
            self.protocol.send_response(self.protocol.accept(request))
            for piece in self.script(b"".join(self.protocol.data_to_send())):
                writer.write(piece)
                await writer.drain()
            while data := await reader.read(65_536):
                self.protocol.receive_data(data)
                self.events += self.protocol.events_received()
                writer.write(b"".join(self.protocol.data_to_send()))
                if self.protocol.close_expected():
                    break
        finally:
            writer.close()
            self.is_over.set()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    yield ScriptedServer()


@pytest_asyncio.fixture
async def address(server: ScriptedServer) -> AsyncIterator[TcpAddress]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        yield TcpAddress("127.0.0.1", listening.sockets[0].getsockname()[1], "/", is_secure=False)


async def dialed(address: TcpAddress, recorder: Recorder) -> Transport:
    return await within(WebSocketDialer(address).dial(recorder), what="the connection")


def message(content: bytes, *, fin: bool = True, opcode: Opcode = Opcode.BINARY) -> bytes:
    return Frame(opcode, content, fin).serialize(mask=False)


MESSAGES = [b"{}", b"", b"x" * 126, b"y" * 70_000, b"z" * 3_000_000, b"end"]


@pytest.mark.parametrize("at_once", [1, 7, 4000, 10_000_000])
async def test_messages_arrive_whole_in_whatever_pieces_they_come(
    server: ScriptedServer, address: TcpAddress, at_once: int
) -> None:
    messages = MESSAGES if at_once > 1000 else [content[:200] for content in MESSAGES]

    def script(answer: bytes) -> list[bytes]:
        content = answer + b"".join(map(message, messages))
        return [content[at : at + at_once] for at in range(0, len(content), at_once)]

    server.script = script
    recorder = Recorder()
    transport = await dialed(address, recorder)
    await recorder.until(lambda: len(recorder.frames) == len(messages))
    assert recorder.frames == messages
    await transport.close()
    await within(server.is_over.wait(), what="the server's end")


async def test_a_message_in_parts_with_a_ping_between_them_is_one_message(
    server: ScriptedServer, address: TcpAddress
) -> None:
    server.script = lambda answer: [
        answer,
        message(b"before"),
        message(b"a", fin=False),
        message(b"are you there", opcode=Opcode.PING),
        message(b"b", fin=False, opcode=Opcode.CONT) + message(b"c", opcode=Opcode.CONT),
        message(b"after"),
        message(b"also after"),
    ]
    recorder = Recorder()
    transport = await dialed(address, recorder)
    await recorder.until(lambda: len(recorder.frames) == 4)
    assert recorder.frames == [b"before", b"abc", b"after", b"also after"]
    await transport.close()
    await within(server.is_over.wait(), what="the server's end")
    pongs = [event for event in server.events if isinstance(event, Frame)]
    assert (pongs[0].opcode, pongs[0].data) == (Opcode.PONG, b"are you there")


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        pytest.param(Frame(Opcode.BINARY, b"x").serialize(mask=True), 1002, id="masked"),
        pytest.param(b"\xc2\x01x", 1002, id="a reserved bit"),
        pytest.param(b"\x83\x01x", 1002, id="an opcode that nobody knows"),
        pytest.param(b"\x09\x01x", 1002, id="a part of a ping"),
        pytest.param(b"\x89\x7e\x00\x80" + b"x" * 128, 1002, id="a large ping"),
        pytest.param(message(b"x", opcode=Opcode.CONT), 1002, id="the end of nothing"),
        pytest.param(message(b"a", fin=False) + message(b"b"), 1002, id="two messages at once"),
        pytest.param(
            b"\x82\x7f" + (MAX_MESSAGE_BYTES + 1).to_bytes(8, "big"), 1009, id="a huge message"
        ),
        pytest.param(
            message(b"a", fin=False) + b"\x80\x7f" + MAX_MESSAGE_BYTES.to_bytes(8, "big"),
            1009,
            id="a huge message in parts",
        ),
        pytest.param(message(b"\x03", opcode=Opcode.CLOSE), 1002, id="a short goodbye"),
    ],
)
async def test_a_server_that_breaks_the_protocol_is_told_and_left(
    server: ScriptedServer, address: TcpAddress, broken: bytes, code: int
) -> None:
    server.script = lambda answer: [answer + message(b"sound") + broken + message(b"too late")]
    recorder = Recorder()
    transport = await dialed(address, recorder)
    await recorder.until(lambda: recorder.why_lost is not None)
    assert recorder.frames == [b"sound"]
    assert recorder.why_lost is not None
    assert "the host broke the WebSocket protocol" in recorder.why_lost
    await within(server.is_over.wait(), what="the server's end")
    assert server.protocol.close_rcvd is not None
    assert server.protocol.close_rcvd.code == code
    await transport.close()


async def test_a_goodbye_is_answered_and_ends_it_with_its_reason(
    server: ScriptedServer, address: TcpAddress
) -> None:
    goodbye = message(Close(1001, "going away").serialize(), opcode=Opcode.CLOSE)
    server.script = lambda answer: [answer + message(b"last") + goodbye + message(b"too late")]
    recorder = Recorder()
    transport = await dialed(address, recorder)
    await recorder.until(lambda: recorder.why_lost is not None)
    assert recorder.frames == [b"last"]
    assert recorder.why_lost == "the host closed the connection (1001 going away)"
    await within(server.is_over.wait(), what="the server's end")
    assert server.protocol.close_rcvd is not None
    assert server.protocol.close_rcvd.code == 1001
    await transport.close()


async def test_nothing_is_delivered_once_it_was_given_up(
    server: ScriptedServer, address: TcpAddress
) -> None:
    class Quitter(Recorder):
        def on_frame(self, payload: bytes | bytearray | memoryview) -> None:
            super().on_frame(payload)
            transport.abort()

    recorder = Quitter()
    transport = await dialed(address, recorder)
    server.write(message(b"first") + message(b"second"))
    await within(server.is_over.wait(), what="the server's end")
    assert recorder.frames == [b"first"]
    assert recorder.why_lost is None


async def test_who_sends_waits_for_a_server_that_does_not_read(
    server: ScriptedServer, address: TcpAddress
) -> None:
    taking = asyncio.Event()

    async def refuse_to_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        (request,) = server.protocol.events_received()
        assert isinstance(request, Request)
        server.protocol.send_response(server.protocol.accept(request))
        writer.write(b"".join(server.protocol.data_to_send()))
        await taking.wait()
        while await reader.read(1024 * 1024):
            pass
        writer.close()

    listening = await asyncio.start_server(refuse_to_read, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        transport = await dialed(TcpAddress("127.0.0.1", port, "/", is_secure=False), Recorder())
        transport.send(bytes(32 * 1024 * 1024))
        await asyncio.sleep(0)  # what is sent in one turn of the loop is written at its end
        draining = asyncio.ensure_future(transport.drain())
        await asyncio.wait({draining}, timeout=0.1)
        assert not draining.done()
        taking.set()
        await within(draining, what="room")
        transport.abort()
