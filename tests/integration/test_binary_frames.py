"""Output and input as binary frames, for a peer that gives its processes handles."""

import struct
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.raw_peer import PeerError, RawPeer, RawProcess, raw_peer, stdio_peer
from tests.harness.server import Server, minimal_environment
from tests.harness.service import service_argv

EVERY_BYTE = bytes(range(256))


def input_frame(handle: int, request_id: int, data: bytes) -> bytes:
    return struct.pack("!BBHIQ", 2, 0, 0, handle, request_id) + data


async def write(peer: RawPeer, handle: int, request_id: int, data: bytes) -> None:
    await peer.send(input_frame(handle, request_id, data))


def answers(peer: RawPeer, request_id: int) -> list[object]:
    return [it.get("result") for it in peer.stray_answers if it["id"] == request_id]


def is_all_binary(process: RawProcess) -> bool:
    output = [event for event in process.events if event["method"] == "process/output"]
    return bool(output) and all("isBinary" in event for event in output)


async def test_output_of_a_process_with_a_handle_is_binary_and_the_same(service: Server) -> None:
    async with raw_peer(service.url) as peer:
        assert peer.extensions is not None
        assert peer.extensions["binaryFrames"] is True
        script = "import os; os.write(1, bytes(range(256))); os.write(2, b'err')"
        process = await peer.start(programs.python(script), handle=2**32 - 1)
        assert await process.exit_code() == 0
        assert process.output("stdout") == EVERY_BYTE
        assert process.output("stderr") == b"err"
        assert is_all_binary(process)


async def test_a_process_without_a_handle_is_told_of_in_text(service: Server) -> None:
    async with raw_peer(service.url) as peer:
        plain = await peer.start(programs.say("text"))
        binary = await peer.start(programs.say("bytes"), handle=0, tty=True)
        assert (await plain.exit_code(), await binary.exit_code()) == (0, 0)
        assert plain.output() == b"text"
        assert not is_all_binary(plain)
        assert binary.output("pty") == b"bytes"
        assert is_all_binary(binary)


async def test_input_is_written_once_however_often_its_frame_comes(service: Server) -> None:
    async with raw_peer(service.url) as peer:
        process = await peer.start(programs.tool("cat"), handle=5, pipeStdin=True)
        for request_id, data in ((1001, EVERY_BYTE), (1001, EVERY_BYTE), (1002, b"end")):
            await write(peer, 5, request_id, data)
        await process.until_output(b"end")
        await process.close_stdin()
        assert await process.exit_code() == 0
        assert process.output() == EVERY_BYTE + b"end"
        await peer.until(lambda: len(answers(peer, 1002)) == 1, what="the answers")
        assert answers(peer, 1001) == [{"status": "accepted"}] * 2


async def test_input_of_who_took_a_session_over_is_not_taken_for_a_repetition(
    service: Server,
) -> None:
    async with raw_peer(service.url) as first:
        process = await first.start(programs.echo(), pipeStdin=True, handle=1)
        await write(first, 1, 77, b"first\n")
        await process.until_output(b"first\n")
    wish = {"attach": "takeOver"}
    async with raw_peer(service.url, resume=first.session_id, wish=wish) as second:
        again = second.process(process.process_id)
        await second.request("process/attach", {"processId": again.process_id, "handle": 2})
        second.handles[2] = again.process_id
        await write(second, 2, 77, b"second\n")
        assert await again.until_output(b"second\n") == b"first\nsecond\n"
        await again.terminate()


async def test_input_for_a_handle_that_nobody_has_is_said(service: Server) -> None:
    async with raw_peer(service.url) as peer:
        await write(peer, 77, 1003, b"data")
        await peer.until(lambda: answers(peer, 1003) != [], what="the answer")
        assert answers(peer, 1003) == [{"status": "unknownProcess"}]


@pytest.mark.parametrize(
    "frame",
    [b"\x02", b"\x02" * 15, b"\x02\0\0\x01" + bytes(12), b"\x01" + bytes(15)],
    ids=["one byte", "short", "reserved bits", "output"],
)
async def test_a_broken_binary_frame_is_answered_and_the_connection_goes_on(
    service: Server, frame: bytes
) -> None:
    async with raw_peer(service.url) as peer:
        refusal = await peer.refusal_of_frame(frame)
        assert (refusal.code, refusal.reason) == (-32600, "malformedFrame")
        assert await (await peer.start(programs.succeed())).exit_code() == 0


async def test_input_before_the_handshake_is_refused(service: Server) -> None:
    async with raw_peer(service.url, initialize=False) as peer:
        await write(peer, 1, 1004, b"data")
        await peer.until(lambda: peer.stray_answers != [], what="the refusal")
        (answer,) = peer.stray_answers
        assert (answer["id"], answer["error"]["code"]) == (1004, -32600)


async def test_two_processes_cannot_have_one_handle(service: Server) -> None:
    async with raw_peer(service.url) as peer:
        first = await peer.start(programs.tool("cat"), handle=3, pipeStdin=True)
        with pytest.raises(PeerError, match="another process of the session has that handle"):
            await peer.start(programs.succeed(), handle=3)
        await first.terminate()


async def test_a_session_that_is_resumed_goes_on_in_binary(service: Server) -> None:
    async with raw_peer(service.url) as peer:
        process = await peer.start(programs.tool("cat"), handle=9, pipeStdin=True)
        await write(peer, 9, 1, b"before")
        await process.until_output(b"before")
    async with raw_peer(service.url, resume=peer.session_id) as again:
        again.handles[9] = process.process_id
        same = again.process(process.process_id)
        await write(again, 9, 1, b"before")
        await write(again, 9, 2, b"after")
        await same.until_output(b"after")
        assert is_all_binary(same)
        assert (await same.read(afterSeq=0))["chunks"][0]["chunk"] == "YmVmb3Jl"
        await same.terminate()


async def test_stdio_has_lines_and_no_binary_frames(tmp_path: Path) -> None:
    env = minimal_environment(tmp_path)
    async with stdio_peer(service_argv("stdio"), env=env, directory=tmp_path) as peer:
        assert peer.extensions is not None
        assert peer.extensions["binaryFrames"] is False
        with pytest.raises(PeerError, match="cannot carry binary frames"):
            await peer.start(programs.succeed(), handle=1)
