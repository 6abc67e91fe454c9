"""What a peer writes reaches a process: all of it, once, in order, and delays nobody else."""

import asyncio
import base64
import hashlib
import os

import pytest

from tests.harness import programs
from tests.harness.raw_peer import RawPeer

TTY = pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])


async def test_input_is_echoed_and_its_end_ends_the_process(any_peer: RawPeer) -> None:
    process = await any_peer.start(programs.echo(), pipeStdin=True)
    assert await process.write(b"one\n") == "accepted"
    await process.until_output(b"one\n")
    assert await process.write(b"two\n") == "accepted"
    await process.close_stdin()
    assert await process.exit_code() == 0
    assert process.output() == b"one\ntwo\n"


async def test_any_byte_goes_through_a_pipe(peer: RawPeer) -> None:
    every_byte = bytes(range(256)) * 4
    process = await peer.start(programs.echo(), pipeStdin=True)
    await process.write(every_byte)
    await process.close_stdin()
    await process.until_closed()
    assert process.output() == every_byte


async def test_a_write_that_is_sent_again_is_written_once(peer: RawPeer) -> None:
    process = await peer.start(programs.echo(), pipeStdin=True)
    assert await process.write(b"once\n", write_id="w") == "accepted"
    assert await process.write(b"once\n", write_id="w") == "accepted"
    assert await process.write(b"next\n", write_id="x") == "accepted"
    await process.close_stdin()
    await process.until_closed()
    assert process.output() == b"once\nnext\n"


async def test_writes_that_are_not_waited_for_keep_their_order(peer: RawPeer) -> None:
    process = await peer.start(programs.echo(), pipeStdin=True)
    pieces = [b"%d\n" % number * 500 for number in range(200)]
    ids = [await peer.ask("process/write", process.write_params(piece)) for piece in pieces]
    for request_id in ids:
        assert await peer.answer(request_id) == {"status": "accepted"}
    await process.close_stdin()
    await process.until_closed()
    assert process.output() == b"".join(pieces)


async def test_closing_waits_for_what_was_accepted(peer: RawPeer) -> None:
    process = await peer.start(programs.shell("sleep 0.2; exec sha256sum"), pipeStdin=True)
    data = os.urandom(3_000_000)
    ids = [
        await peer.ask("process/write", process.write_params(data[start : start + 300_000]))
        for start in range(0, len(data), 300_000)
    ]
    closing = await peer.ask("process/closeStdin", {"processId": process.process_id})
    for request_id in ids:
        assert await peer.answer(request_id) == {"status": "accepted"}
    await peer.answer(closing)
    await process.until_closed()
    assert process.output().split()[0].decode() == hashlib.sha256(data).hexdigest()


async def test_a_closed_stdin_takes_nothing_more(peer: RawPeer) -> None:
    process = await peer.start(programs.shell("exec <&-; echo ready; sleep 600"), pipeStdin=True)
    await process.until_output(b"ready\n")
    await process.close_stdin()
    await process.close_stdin()
    assert await process.write(b"x") == "stdinClosed"
    await process.terminate()


async def test_the_input_of_an_ended_process_is_closed(peer: RawPeer) -> None:
    process = await peer.start(programs.succeed(), pipeStdin=True)
    await process.until_closed()
    assert await process.write(b"x") == "stdinClosed"
    await process.close_stdin()


async def test_a_process_that_closes_its_stdin_is_not_harmed_by_a_write(peer: RawPeer) -> None:
    process = await peer.start(
        programs.shell("exec <&-; echo ready; sleep 0.3; exit 3"), pipeStdin=True
    )
    await process.until_output(b"ready\n")
    assert await process.write(b"x" * 100_000) in {"accepted", "stdinClosed"}
    assert await process.exit_code() == 3


async def test_one_that_never_reads_delays_no_other(peer: RawPeer) -> None:
    deaf = await peer.start(programs.never_read_stdin(), pipeStdin=True)
    await deaf.until_output(b"ready\n")
    # More than any pipe and buffer holds; the last ones wait.
    megabyte = deaf.write_params(b"x" * 1_048_576)
    for number in range(4):
        await peer.ask("process/write", {**megabyte, "writeId": str(number)})
    other = await peer.start(programs.echo(), pipeStdin=True)
    await other.write(b"hello\n")
    await other.until_output(b"hello\n")
    await other.close_stdin()
    assert await other.exit_code() == 0
    await deaf.terminate()
    await deaf.until_closed()


async def test_a_long_poll_delays_no_write(any_peer: RawPeer) -> None:
    process = await any_peer.start(programs.echo(), pipeStdin=True)
    poll = await any_peer.ask("process/read", {"processId": process.process_id, "waitMs": 60_000})
    assert await process.write(b"now\n") == "accepted"
    batch = await any_peer.answer(poll)
    assert base64.b64decode(batch["chunks"][0]["chunk"]) == b"now\n"
    await process.close_stdin()
    await process.until_closed()


async def test_a_terminal_echoes_and_edits_lines(any_peer: RawPeer) -> None:
    process = await any_peer.start(programs.echo(), tty=True)
    await process.write(b"abX\x7fc\n")
    await process.until_output(b"abc\r\n")
    assert process.output().endswith(b"c\r\nabc\r\n")
    await process.write(b"\x04")
    assert await process.exit_code() == 0


async def test_closing_a_terminals_input_is_its_end(peer: RawPeer) -> None:
    process = await peer.start(programs.echo(), tty=True)
    await process.write(b"last\n")
    await process.close_stdin()
    assert await process.exit_code() == 0
    assert process.output() == b"last\r\nlast\r\n"


async def test_closing_a_terminals_input_in_mid_line_is_its_end_too(peer: RawPeer) -> None:
    process = await peer.start(programs.echo(), tty=True)
    await process.write(b"no newline")
    await process.close_stdin()
    assert await process.exit_code() == 0
    assert process.output() == b"no newline" * 2


async def test_the_interrupt_key_interrupts_the_foreground(peer: RawPeer) -> None:
    script = "trap 'echo trapped' INT; sh -c 'echo ready; exec sleep 600'; echo after $?"
    process = await peer.start(programs.shell(script), tty=True)
    await process.until_output(b"ready\r\n")
    await process.write(b"\x03")
    assert await process.exit_code() == 0
    assert b"after 130" in process.output()


async def test_64_mib_go_through_cat_and_back(peer: RawPeer) -> None:
    piece = os.urandom(1_048_576)
    digest, received = hashlib.sha256(), hashlib.sha256()
    process = await peer.start(programs.echo(), pipeStdin=True)

    async def feed() -> None:
        for number in range(64):
            data = number.to_bytes(4) + piece
            digest.update(data)
            assert await process.write(data) == "accepted"
        await process.close_stdin()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(feed(), name="feed")
        assert await process.exit_code() == 0
    received.update(process.output())
    assert received.hexdigest() == digest.hexdigest()
