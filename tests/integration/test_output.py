"""Output comes in order, can be read again as far as it is retained, and floods nobody."""

from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.raw_peer import RawPeer, RawProcess, decoded, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service


async def read_to_the_end(process: RawProcess, **params: int) -> bytes:
    """Read all output by `process/read`, as a peer does that was never pushed any."""
    output, next_seq = b"", 1
    while True:
        batch = await process.read(afterSeq=next_seq - 1, waitMs=60_000, **params)
        output += decoded(batch)
        next_seq = batch["nextSeq"]
        if batch["closed"] and not batch["chunks"]:
            return output


async def test_what_was_pushed_can_be_read_again(any_peer: RawPeer) -> None:
    process = await any_peer.start(programs.say_both("out", "err"))
    await process.until_closed()
    batch = await process.read()
    pushed = [
        {name: event[name] for name in ("seq", "stream", "chunk")}
        for event in process.events
        if event["method"] == "process/output"
    ]
    assert batch["chunks"] == pushed
    assert batch["nextSeq"] == len(process.events) + 1


async def test_reading_goes_on_after_a_number(peer: RawPeer) -> None:
    script = "echo one; read line; echo two; read line; echo three"
    process = await peer.start(programs.shell(script), pipeStdin=True)
    await process.until_output(b"one\n")
    await process.write(b"\n")
    await process.until_output(b"two\n")
    await process.write(b"\n")
    await process.until_closed()
    assert decoded(await process.read(afterSeq=0)) == b"one\ntwo\nthree\n"
    assert decoded(await process.read(afterSeq=1)) == b"two\nthree\n"
    assert decoded(await process.read(afterSeq=None, maxBytes=None)) == b"one\ntwo\nthree\n"
    beyond = await process.read(afterSeq=1_000)
    assert (beyond["chunks"], beyond["nextSeq"]) == ([], 6)


async def test_a_budget_is_kept_but_the_first_piece_always_comes(peer: RawPeer) -> None:
    process = await peer.start(programs.shell("echo one; read line; echo two"), pipeStdin=True)
    await process.until_output(b"one\n")
    await process.write(b"\n")
    await process.until_closed()
    for budget in (0, 1, 4, 7):
        batch = await process.read(maxBytes=budget)
        assert decoded(batch) == b"one\n"
        assert batch["nextSeq"] == 2
    assert decoded(await process.read(maxBytes=8)) == b"one\ntwo\n"


async def test_a_piece_can_be_read_in_parts_that_keep_the_budget(peer: RawPeer) -> None:
    process = await peer.start(programs.numbered_lines(1, 3_000))
    await process.until_closed()
    got, after, part = b"", 0, 0
    while (
        batch := await process.read(
            afterSeq=after, afterBytes=len(got), partBytes=part, maxBytes=1_000
        )
    )["chunks"]:
        data = decoded(batch)
        assert 0 < len(data) <= 1_000
        assert batch["lost"] == 0
        got += data
        is_begun = batch["chunks"][-1]["seq"] == batch["nextSeq"]
        part = part * (batch["nextSeq"] == after + 1) + len(data) if is_begun else 0
        after = batch["nextSeq"] - 1
    assert got == programs.expected_lines(1, 3_000)
    assert batch["closed"] is True


async def test_a_read_without_waiting_comes_back_at_once(peer: RawPeer) -> None:
    process = await peer.start(programs.sleep())
    batch = await process.read()
    assert batch["chunks"] == []
    assert (batch["exited"], batch["exitCode"], batch["closed"]) == (False, None, False)
    assert batch["nextSeq"] == 1
    await process.terminate()


async def test_a_waiting_read_comes_back_empty_when_its_time_is_over(peer: RawPeer) -> None:
    process = await peer.start(programs.sleep())
    batch = await process.read(waitMs=50)
    assert (batch["chunks"], batch["exited"]) == ([], False)
    await process.terminate()


async def test_a_waiting_read_comes_back_with_output_and_with_the_end(peer: RawPeer) -> None:
    process = await peer.start(programs.shell("read line; echo $line; read line"), pipeStdin=True)
    first = await peer.ask("process/read", {"processId": process.process_id, "waitMs": 60_000})
    second = await peer.ask("process/read", {"processId": process.process_id, "waitMs": 60_000})
    await process.write(b"hello\n")
    assert decoded(await peer.answer(first)) == b"hello\n"
    assert decoded(await peer.answer(second)) == b"hello\n"
    third = await peer.ask(
        "process/read", {"processId": process.process_id, "afterSeq": 1, "waitMs": 60_000}
    )
    await process.terminate()
    batch = await peer.answer(third)
    assert (batch["chunks"], batch["exited"], batch["exitCode"]) == ([], True, 137)


async def test_all_can_be_read_without_a_single_push(peer: RawPeer) -> None:
    argv = programs.numbered_lines(1, 100_000)
    process = await peer.start(argv)
    assert await read_to_the_end(process, maxBytes=50_000) == programs.expected_lines(1, 100_000)


async def test_a_lot_of_output_comes_whole_and_in_order(any_peer: RawPeer) -> None:
    process = await any_peer.start(programs.numbered_lines(1, 1_000_000))
    assert await process.exit_code() == 0
    assert process.output() == programs.expected_lines(1, 1_000_000)


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])
async def test_bytes_that_are_no_text_come_as_they_are(peer: RawPeer, *, tty: bool) -> None:
    code = "import os; os.write(1, bytes(n for n in range(256) if n != 10) * 20)"
    process = await peer.start(programs.python(code), tty=tty)
    await process.until_closed()
    assert process.output() == bytes(n for n in range(256) if n != 10) * 20


async def test_what_fell_out_of_retention_is_counted(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[limits]\nretained_bytes = 100_000\n") as server:
        async with raw_peer(server.url) as peer:
            assert peer.extensions is not None
            assert peer.extensions["limits"]["retainedBytes"] == 100_000
            process = await peer.start(programs.numbered_lines(1, 100_000))
            await process.until_closed()
            everything = programs.expected_lines(1, 100_000)
            # Nothing of it was lost for one that takes what is pushed.
            assert process.output() == everything
            batch = await process.read(afterSeq=0, afterBytes=0)
            kept = decoded(batch)
            assert everything.endswith(kept)
            assert 0 < len(kept) <= 100_000
            assert batch["lost"] == len(everything) - len(kept)
            # One that has the beginning has lost less, one that has most has lost nothing.
            have = len(everything) - len(kept) - 10
            assert (await process.read(afterSeq=0, afterBytes=have))["lost"] == 10
            late = batch["chunks"][0]["seq"]
            upto = have + 10 + len(decoded({"chunks": batch["chunks"][:1]}))
            assert (await process.read(afterSeq=late, afterBytes=upto))["lost"] == 0
            # One that does not ask is not told.
            assert "lost" not in await process.read(afterSeq=0)


async def test_the_newest_piece_stays_even_if_it_is_larger_than_the_log(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[limits]\nretained_bytes = 10\n") as server:
        async with raw_peer(server.url) as peer:
            write_once = "import os; os.write(1, b'x' * 4_000)"
            process = await peer.start(programs.python(write_once))
            await process.until_closed()
            assert decoded(await process.read()) == b"x" * 4_000


async def test_credit_holds_one_process_back_and_no_other(peer: RawPeer) -> None:
    everything = programs.expected_lines(1, 300_000)
    held = await peer.start(programs.numbered_lines(1, 300_000), creditBytes=10_000)
    await peer.until(lambda: len(held.output()) >= 10_000, what="what the credit allows")
    # Another one of the same connection flows meanwhile, many times as much.
    free = await peer.start(programs.numbered_lines(1, 300_000))
    assert await free.exit_code() == 0
    assert free.output() == everything
    # One piece may overshoot: 128 KiB at the most.
    pushed = len(held.output())
    assert 10_000 <= pushed <= 10_000 + 131_072
    assert not held.is_closed
    await held.grant(100_000)
    await peer.until(lambda: len(held.output()) >= 100_000, what="what the credit allows")
    # Old news changes nothing, and neither does the same again.
    await held.grant(5, received_bytes=0)
    await held.grant(100_000)
    await peer.request("environment/info")
    assert len(held.output()) <= 100_000 + 131_072
    while held.exit_event is None:
        have = len(held.events)
        await held.grant(len(held.output()) + 200_000)
        await held.until_more_than(have)
    assert await held.exit_code() == 0
    assert held.output() == everything


async def test_without_credit_no_output_but_the_end_is_still_there_to_be_read(
    peer: RawPeer,
) -> None:
    process = await peer.start(programs.shell("echo x; exit 3"), creditBytes=0)
    batch = await process.read(waitMs=60_000)
    assert decoded(batch) == b"x\n"
    assert process.output() == b""
    await process.grant(2)
    assert await process.exit_code() == 3
    assert process.output() == b"x\n"


async def test_credit_for_an_unknown_process_is_no_offence(peer: RawPeer) -> None:
    await peer.process("nobody").grant(5)
    assert await (await peer.start(programs.succeed())).exit_code() == 0


async def test_credit_that_cannot_be_read_ends_the_connection(peer: RawPeer) -> None:
    await peer.notify("process/credit", {"processId": "x" * 1_000, "upToBytes": "a lot" * 100})
    assert await peer.until_ended() is not None


async def test_a_flood_delays_no_other_process(peer: RawPeer) -> None:
    flood = await peer.start(programs.tool("yes"))
    echo = await peer.start(programs.echo(), pipeStdin=True)
    for number in range(20):
        line = b"line %d\n" % number
        await echo.write(line)
        await echo.until_output(line)
    await flood.terminate()
    await flood.until_exited()
    await echo.terminate()


async def test_one_that_reads_nothing_makes_its_processes_wait_and_no_one_elses(
    service: Server,
) -> None:
    async with raw_peer(service.url) as deaf, raw_peer(service.url) as other:
        resident_before = service.resident_bytes()
        floods = [await deaf.ask("process/start", start_of_yes(n)) for n in range(4)]
        process = await other.start(programs.numbered_lines(1, 300_000))
        assert await process.exit_code() == 0
        assert process.output() == programs.expected_lines(1, 300_000)
        # Four logs and what is on the way, and nowhere near what four floods had produced.
        assert service.resident_bytes() - resident_before < 64 * 1_048_576
        for request in floods:
            await deaf.answer(request)
        for number in range(4):
            assert await deaf.process(f"yes {number}").terminate() is True


def start_of_yes(number: int) -> dict[str, object]:
    """Return the params that start an endless flood."""
    return {
        "processId": f"yes {number}",
        "argv": programs.tool("yes"),
        "cwd": "file:///",
        "env": {},
        "tty": False,
    }
