"""Seeing a session's processes, and having their output pushed again from a point on."""

import time
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.raw_peer import Json, RawPeer, RawProcess, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service


async def attach(peer: RawPeer, process_id: str, **params: object) -> tuple[Json, RawProcess]:
    """Attach, and return the answer and the process as it is told of from then on."""
    answer = await peer.request("process/attach", {"processId": process_id, **params})
    # What came before the answer was pushed for the place before.
    peer.notifications.clear()
    return answer, peer.process(process_id)


async def drain(process: RawProcess, received_bytes: int = 0) -> None:
    """Take all output to the end, behind what was received before."""
    while not process.is_closed:
        have = len(process.events)
        await process.grant(10**12, received_bytes=received_bytes + len(process.output()))
        await process.until_more_than(have)


async def entry_of(peer: RawPeer, process: RawProcess, **params: object) -> Json:
    listed = await peer.request("process/list", params)
    (entry,) = [it for it in listed["processes"] if it["processId"] == process.process_id]
    found: Json = entry
    return found


async def test_processes_are_listed_with_what_is_known_of_them(host: Server) -> None:
    before_ms = int(time.time() * 1000)
    async with raw_peer(host.url) as peer:
        assert await peer.request("process/list") == {"processes": [], "truncated": False}
        labels = {"threadId": "thread", "toolCallId": "call"}
        runs = await peer.start(programs.say_and_sleep("abc"), tty=True, metadata=labels)
        await runs.until_output(b"abc")
        failed = await peer.start(programs.exit_with(7))
        await failed.until_closed()
        listed = await peer.request("process/list")
        assert [it["processId"] for it in listed["processes"]] == [
            failed.process_id,
            runs.process_id,
        ]
        running = await entry_of(peer, runs)
        assert running["pid"] == runs.started["pid"]
        assert (running["state"], running["tty"], running["attached"]) == ("running", True, True)
        assert running["argv"] == programs.say_and_sleep("abc")
        assert (running["labels"], running["outputBytes"]) == (labels, 3)
        assert (running["exitCode"], running["endedAtMs"]) == (None, None)
        ended = await entry_of(peer, failed)
        assert (ended["state"], ended["exitCode"], ended["reason"]) == ("closed", 7, "exited")
        assert before_ms <= ended["startedAtMs"] <= ended["endedAtMs"]
        await runs.terminate()
        assert (await runs.until_exited())["exitCode"] == 137
        assert (await entry_of(peer, runs))["signal"] == "SIGKILL"


async def test_a_long_command_line_is_listed_as_far_as_it_fits(host: Server) -> None:
    async with raw_peer(host.url) as peer:
        process = await peer.start([*programs.succeed(), "x" * 100_000, "more"])
        entry = await entry_of(peer, process)
        assert entry["isArgvCut"] is True
        assert len(str(entry["argv"])) < 3000
        await process.until_closed()


async def test_output_comes_again_from_any_point_on(host: Server) -> None:
    async with raw_peer(host.url) as peer:
        process = await peer.start(programs.echo(), pipeStdin=True)
        for line in (b"one\n", b"two\n", b"three\n"):
            await process.write(line)
            await process.until_output(line)
        answer, again = await attach(peer, process.process_id)
        assert answer["process"]["processId"] == process.process_id
        assert await again.until_output(b"three\n") == b"one\ntwo\nthree\n"
        _, again = await attach(peer, process.process_id, afterSeq=2, afterBytes=8)
        assert await again.until_output(b"three\n") == b"three\n"
        await process.write(b"four\n")
        assert await again.until_output(b"four\n") == b"three\nfour\n"
        await process.close_stdin()
        await peer.until(lambda: again.is_closed, what="the end")
        # The whole of a process that has ended can be had, too, also twice.
        for _ in range(2):
            answer, again = await attach(peer, process.process_id)
            assert answer["process"]["state"] == "closed"
            await again.until_closed()
            assert again.output() == b"one\ntwo\nthree\nfour\n"


async def test_after_a_resume_everything_missing_is_pushed(host: Server) -> None:
    lines = programs.expected_lines(1, 300_000)
    async with raw_peer(host.url) as first:
        process = await first.start(programs.numbered_lines(1, 300_000), creditBytes=100_000)
        await process.until_more_than(0)
        known = process.output()
        seq = process.seqs[-1]
    async with raw_peer(host.url, resume=first.session_id) as second:
        second.handles[9] = process.process_id
        _, rest = await attach(
            second,
            process.process_id,
            afterSeq=seq,
            afterBytes=len(known),
            creditBytes=len(known) + 100_000,
            handle=9,
        )
        await drain(rest, len(known))
        assert known + rest.output() == lines
        assert rest.seqs == list(range(seq + 1, seq + 1 + len(rest.seqs)))
        # What was to come as text came as binary frames from there on.
        output = [event for event in rest.events if event["method"] == "process/output"]
        assert all("isBinary" in event for event in output)


async def test_a_point_that_is_lost_begins_with_a_gap_of_known_size(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[limits]\nretained_bytes = 10_000\n") as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.numbered_lines(1, 100_000))
            await process.until_closed()
            whole = process.output()
            _, again = await attach(peer, process.process_id)
            await peer.until(lambda: again.is_closed, what="the end")
            gap, rest = again.events[0], again.output()
            assert (gap["method"], gap["seq"]) == ("process/gap", 1)
            assert gap["lostBytes"] == len(whole) - len(rest) > 0
            assert whole.endswith(rest)
            assert again.events[1]["seq"] == gap["nextSeq"] > 1
            # A reader in the middle of what is lost is told the rest of it.
            _, again = await attach(peer, process.process_id, afterSeq=1, afterBytes=100)
            await peer.until(lambda: again.is_closed, what="the end")
            gap = again.events[0]
            assert (gap["seq"], gap["lostBytes"]) == (2, len(whole) - len(rest) - 100)
            # One who does not say how much it has cannot be told.
            error = await peer.refusal(
                "process/attach", {"processId": process.process_id, "afterSeq": 1}
            )
            assert error.reason == "paramsInvalid"
            assert (await entry_of(peer, process))["firstByte"] == len(whole) - len(rest)


async def test_credit_is_counted_anew(host: Server) -> None:
    async with raw_peer(host.url) as peer:
        process = await peer.start(programs.numbered_lines(1, 100_000))
        await process.until_more_than(1)
        _, again = await attach(peer, process.process_id, creditBytes=1)
        await peer.until(lambda: bool(again.events), what="the first piece")
        await entry_of(peer, process)
        assert len(again.seqs) == 1
        await again.grant(10**9, received_bytes=0)
        await peer.until(lambda: again.is_closed, what="the end")
        assert programs.expected_lines(1, 100_000).endswith(again.output())


async def test_a_detached_process_waits_until_it_is_attached_again(host: Server) -> None:
    async with raw_peer(host.url) as peer:
        process = await peer.start(programs.echo(), pipeStdin=True)
        await process.write(b"one\n")
        await process.until_output(b"one\n")
        for _ in range(2):
            await peer.request("process/detach", {"processId": process.process_id})
        await process.write(b"two\n")
        await peer.request(
            "process/read", {"processId": process.process_id, "afterSeq": 1, "waitMs": 20_000}
        )
        assert process.output() == b"one\n"
        assert (await entry_of(peer, process))["attached"] is False
        _, again = await attach(peer, process.process_id, afterSeq=1, afterBytes=4)
        assert await again.until_output(b"two\n") == b"two\n"
        await again.close_stdin()
        await peer.until(lambda: again.is_closed, what="the end")


async def test_attaching_while_output_flows_loses_and_repeats_nothing(host: Server) -> None:
    async with raw_peer(host.url) as peer:
        process = await peer.start(programs.numbered_lines(1, 300_000), creditBytes=200_000)
        known: list[Json] = []
        while not process.is_closed:
            known = list(peer.notifications)
            have = len(process.output())
            params = {
                "processId": process.process_id,
                "afterSeq": len(known),
                "afterBytes": have,
                "creditBytes": have + 200_000,
            }
            await peer.request("process/attach", params)
            # What was pushed before the answer comes again behind it.
            peer.notifications[:] = known
            await process.until_more_than(len(known))
        assert process.output() == programs.expected_lines(1, 300_000)
        assert process.seqs == list(range(1, len(process.seqs) + 1))


@pytest.mark.parametrize("method", ["process/attach", "process/detach"])
async def test_a_process_that_is_not_there(host: Server, method: str) -> None:
    async with raw_peer(host.url) as peer:
        if method == "process/detach":
            assert await peer.request(method, {"processId": "nobody"}) == {}
        else:
            error = await peer.refusal(method, {"processId": "nobody"})
            assert (error.code, error.reason) == (-32600, "processUnknown")


async def test_a_handle_that_is_taken_is_refused(host: Server) -> None:
    async with raw_peer(host.url) as peer:
        one = await peer.start(programs.sleep(), handle=1)
        two = await peer.start(programs.sleep(), handle=2)
        params = {"processId": one.process_id, "handle": 2}
        assert (await peer.refusal("process/attach", params)).reason == "paramsInvalid"
        # The own one stays right, and one that was given up is free.
        await peer.request("process/attach", {"processId": one.process_id, "handle": 1})
        await peer.request("process/attach", {"processId": one.process_id})
        await peer.request("process/attach", {"processId": two.process_id, "handle": 1})
        await one.terminate()
        await two.terminate()
