"""Named sessions, taking them up and over, and reading along."""

import base64
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.fault_proxy import fault_proxy
from tests.harness.raw_peer import Json, RawPeer, RawProcess, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service

TAKE_OVER = {"attach": "takeOver"}


async def entry(peer: RawPeer, session_id: str | None) -> Json:
    listed = await peer.request("session/list")
    (found,) = [it for it in listed["sessions"] if it["sessionId"] == session_id]
    return dict(found)


async def watch(
    peer: RawPeer, owner: str | None, process: RawProcess, **params: object
) -> tuple[Json, RawProcess]:
    """Read along, and return the answer and the process as it is told of here."""
    watch_id = f"watched {process.process_id}"
    answer = await peer.request(
        "process/attach",
        {"processId": process.process_id, "session": owner, "watchId": watch_id, **params},
    )
    return answer, peer.process(watch_id)


async def test_sessions_are_listed_with_their_names(host: Server) -> None:
    async with (
        raw_peer(host.url, wish={"sessionName": "build-1"}, client_name="builder") as named,
        raw_peer(host.url) as plain,
    ):
        assert named.extensions is not None
        assert named.extensions["sessionName"] == "build-1"
        process = await named.start(programs.sleep())
        await (await named.start(programs.succeed())).until_closed()
        shown = await entry(plain, named.session_id)
        assert (shown["name"], shown["client"], shown["attached"]) == ("build-1", "builder", True)
        assert (shown["running"], shown["finished"]) == (1, 1)
        assert (shown["detachedAtMs"], shown["leaseMs"]) == (None, 30_000)
        assert "name" not in await entry(plain, plain.session_id)
        await process.terminate()


async def test_a_name_is_one_sessions_until_that_ends(host: Server) -> None:
    wish = {"sessionName": "only-one"}
    async with raw_peer(host.url, initialize=False) as other:
        async with raw_peer(host.url, wish=wish) as owner:
            params = {
                "clientName": "other",
                "resumeSessionId": None,
                "telexec": {"version": 1, **wish},
            }
            error = await other.refusal("initialize", params)
            assert (error.code, error.reason) == (-32600, "sessionNameTaken")
            await owner.request("session/end")
        await other.initialize(wish=wish)


@pytest.mark.parametrize("name", ["", " ", "-x", "a/b", "x" * 65, "name\n", "ä"])
async def test_not_everything_is_a_name(host: Server, name: str) -> None:
    async with raw_peer(host.url, initialize=False) as peer:
        params = {"clientName": "x", "telexec": {"version": 1, "sessionName": name}}
        assert (await peer.refusal("initialize", params)).reason == "paramsInvalid"


@pytest.mark.parametrize(
    "wish", [{"attach": "takeOver"}, {"attach": "resume"}, {"attach": "steal", "sessionName": "x"}]
)
async def test_it_must_be_said_which_session_is_taken_up(host: Server, wish: Json) -> None:
    async with raw_peer(host.url, initialize=False) as peer:
        params = {"clientName": "x", "telexec": {"version": 1, **wish}}
        assert (await peer.refusal("initialize", params)).reason == "paramsInvalid"
        wish = {"sessionName": "no-such-session", "attach": "takeOver"}
        params = {"clientName": "x", "telexec": {"version": 1, **wish}}
        assert (await peer.refusal("initialize", params)).reason == "sessionUnknown"


async def test_detached_work_is_found_again_by_its_name(host: Server) -> None:
    async with raw_peer(host.url, wish={"sessionName": "night"}) as starter:
        process = await starter.start(programs.echo(), pipeStdin=True, handle=3)
        await process.write(b"before\n")
        await process.until_output(b"before\n")
    wish = {"sessionName": "night", "attach": "resume"}
    async with raw_peer(host.url, wish=wish) as other:
        assert other.session_id == starter.session_id
        assert other.extensions is not None
        assert other.extensions["generation"] == 1
        (listed,) = (await other.request("process/list"))["processes"]
        assert listed["attached"] is False
        # Nothing comes unasked: the new client does not know the handles of the old one.
        again = other.process(listed["processId"])
        assert await again.write(b"after\n") == "accepted"
        await again.read(afterSeq=1, waitMs=20_000)
        assert again.events == []
        await other.request("process/attach", {"processId": again.process_id})
        assert await again.until_output(b"after\n") == b"before\nafter\n"
        await other.request("session/end")


async def test_a_session_that_is_in_use_is_not_taken_up_but_over(host: Server) -> None:
    async with raw_peer(host.url, initialize=False, client_name="x") as second:
        async with raw_peer(host.url, wish={"sessionName": "busy"}) as first:
            process = await first.start(programs.numbered_lines(1, 5_000_000), creditBytes=10**9)
            await process.until_more_than(5)
            wish = {"sessionName": "busy", "attach": "takeOver"}
            result = await second.initialize(wish=wish, client_name="usurper")
            assert result["sessionId"] == first.session_id
            # The old one is told who it was, and its connection ends.
            assert await first.until_ended() == 4001
            told = first.notifications[-1]
            assert told["method"] == "session/takenOver"
            assert told["params"]["client"] == "usurper"
        # What flowed goes on where the new one wants it to.
        await second.request("process/attach", {"processId": process.process_id})
        again = second.process(process.process_id)
        await second.until(lambda: again.is_closed, what="the end", deadline_s=60)
        whole = programs.expected_lines(1, 5_000_000)
        lost = sum(event.get("lostBytes", 0) for event in again.events)
        assert lost + len(again.output()) == len(whole)
        assert whole.endswith(again.output())
        await second.request("session/end")


async def test_a_plain_peer_learns_it_from_the_close_code(host: Server) -> None:
    async with raw_peer(host.url, extensions=False) as plain:
        process = await plain.start(programs.sleep())
        async with raw_peer(
            host.url, resume=plain.session_id, wish=TAKE_OVER, client_name="usurper"
        ) as second:
            assert await plain.until_ended() == 4001
            assert plain.notifications == []
            assert await second.process(process.process_id).terminate()
            await second.request("session/end")


async def test_who_lost_a_session_to_another_client_cannot_come_back(host: Server) -> None:
    async with raw_peer(host.url, initialize=False) as late:
        with fault_proxy(host.url) as proxy:
            async with raw_peer(proxy.url) as first:
                assert first.extensions is not None
                generation = first.extensions["generation"]
                # It hears nothing of it.
                proxy.stall()
                async with raw_peer(
                    host.url, resume=first.session_id, wish=TAKE_OVER, client_name="usurper"
                ):
                    pass
                proxy.cut()
        params = {
            "clientName": "first",
            "resumeSessionId": first.session_id,
            "telexec": {"version": 1, "generation": generation},
        }
        error = await late.refusal("initialize", params)
        assert (error.code, error.reason) == (-32600, "sessionTakenOver")
        # The usurper itself would have come back as usual.
        await late.initialize(resume=first.session_id, wish={"generation": generation + 1})
        await late.request("session/end")


async def test_what_another_session_writes_can_be_read_along(host: Server) -> None:
    async with (
        raw_peer(host.url, wish={"sessionName": "read"}) as owner,
        raw_peer(host.url) as reader,
    ):
        process = await owner.start(programs.echo(), pipeStdin=True)
        await process.write(b"one\n")
        await process.until_output(b"one\n")
        listed = await reader.request("process/list", {"session": "read"})
        assert [it["processId"] for it in listed["processes"]] == [process.process_id]
        # By name or by id, from the start or later, as text or as binary frames.
        _, text = await watch(reader, "read", process)
        reader.handles[5] = "binary"
        await watch(
            reader,
            owner.session_id,
            process,
            afterSeq=1,
            afterBytes=4,
            watchId="binary",
            handle=5,
        )
        binary = reader.process("binary")
        await process.write(b"two\n")
        assert await text.until_output(b"two\n") == b"one\ntwo\n"
        assert await binary.until_output(b"two\n") == b"two\n"
        assert "isBinary" in binary.events[0]
        await process.until_output(b"two\n")
        await process.close_stdin()
        assert await process.exit_code() == 0
        assert await text.exit_code() == 0
        await reader.until(lambda: binary.is_closed, what="its end")
        # Afterwards its name is free again.
        _, again = await watch(reader, "read", process)
        assert again.process_id == text.process_id
        await owner.request("session/end")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("process/write", {"chunk": "", "writeId": "w"}),
        ("process/signal", {"signal": "SIGTERM"}),
        ("process/terminate", {}),
        ("process/closeStdin", {}),
        ("process/resize", {"size": {"rows": 5, "columns": 5}}),
    ],
)
async def test_who_reads_along_can_do_nothing_else(host: Server, method: str, params: Json) -> None:
    async with raw_peer(host.url) as owner, raw_peer(host.url) as reader:
        process = await owner.start(programs.echo(), tty=True)
        _, watched = await watch(reader, owner.session_id, process)
        error = await reader.refusal(method, {"processId": watched.process_id, **params})
        assert (error.code, error.reason) == (-32600, "readOnly")
        assert await process.terminate()


async def test_a_slow_reader_along_holds_nobody_up_and_gets_gaps(tmp_path: Path) -> None:
    lines = 2_000_000
    with running_service(tmp_path, config="[limits]\nretained_bytes = 100_000\n") as server:
        async with raw_peer(server.url) as owner, raw_peer(server.url) as reader:
            process = await owner.start(
                programs.shell(f"read x; seq 1 {lines}"),
                pipeStdin=True,
                env={"PATH": "/usr/bin:/bin"},
            )
            _, watched = await watch(reader, owner.session_id, process, creditBytes=50_000)
            await process.write(b"go\n")
            # The reader takes nothing while the owner gets all of it.
            assert await process.exit_code() == 0
            assert process.output() == programs.expected_lines(1, lines)
            await watched.grant(10**12, received_bytes=0)
            await reader.until(lambda: watched.is_closed, what="the end")
            gaps = [it for it in watched.events if it["method"] == "process/gap"]
            lost = sum(gap["lostBytes"] for gap in gaps)
            assert lost > 0
            assert lost + len(watched.output()) == len(process.output())
            # All is accounted for in its place.
            whole, at = process.output(), 0
            for event in watched.events:
                chunk = base64.b64decode(event.get("chunk", ""))
                at += event.get("lostBytes", 0)
                assert whole[at : at + len(chunk)] == chunk
                at += len(chunk)
            assert watched.exit_event is not None


async def test_a_reader_along_that_reads_nothing_costs_no_memory(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[limits]\nretained_bytes = 100_000\n") as server:
        async with raw_peer(server.url) as owner, raw_peer(server.url) as reader:
            process = await owner.start(
                programs.shell("read x; head -c 300000000 /dev/zero"),
                pipeStdin=True,
                env={"PATH": "/usr/bin:/bin"},
                handle=1,
            )
            # Without credit: it is the socket that is full.
            reader.handles[1] = f"watched {process.process_id}"
            await watch(reader, owner.session_id, process, handle=1)
            before = server.resident_bytes()
            await process.write(b"go\n")
            while process.exit_event is None:
                await process.until_more_than(len(process.events))
                owner.notifications[:] = [
                    it for it in owner.notifications if it["method"] != "process/output"
                ]
            assert process.exit_event["exitCode"] == 0
            assert server.resident_bytes() - before < 30_000_000


async def test_the_end_of_a_session_is_told_to_who_reads_along(host: Server) -> None:
    async with raw_peer(host.url) as reader, raw_peer(host.url) as owner:
        process = await owner.start(programs.say_and_sleep("said"))
        _, watched = await watch(reader, owner.session_id, process)
        await watched.until_output(b"said")
        await owner.request("session/end")
        await reader.until(
            lambda: watched.events[-1]["method"] == "process/detached", what="the news"
        )


async def test_reading_along_ends_with_the_connection_and_on_request(host: Server) -> None:
    async with raw_peer(host.url) as owner:
        process = await owner.start(programs.echo(), pipeStdin=True)
        async with raw_peer(host.url) as reader:
            _, watched = await watch(reader, owner.session_id, process, handle=8)
            await reader.request("process/detach", {"processId": watched.process_id})
            await process.write(b"one\n")
            await process.until_output(b"one\n")
            assert watched.events == []
            # Name and handle are free.
            reader.handles[8] = watched.process_id
            _, watched = await watch(reader, owner.session_id, process, handle=8)
            await watched.until_output(b"one\n")
        async with raw_peer(host.url, resume=reader.session_id) as back:
            back.handles[8] = watched.process_id
            _, watched = await watch(
                back, owner.session_id, process, handle=8, afterSeq=1, afterBytes=4
            )
            await process.write(b"two\n")
            assert await watched.until_output(b"two\n") == b"two\n"
            assert await process.terminate()
            await watched.until_exited()


async def test_names_of_what_is_read_along_do_not_clash(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[limits]\nmax_watches = 1\n") as server:
        async with raw_peer(server.url) as owner, raw_peer(server.url) as reader:
            theirs = await owner.start(programs.sleep())
            mine = await reader.start(programs.sleep())
            params = {"processId": theirs.process_id, "session": owner.session_id}
            taken = {**params, "watchId": mine.process_id}
            assert (await reader.refusal("process/attach", taken)).reason == "processExists"
            assert (await reader.refusal("process/attach", params)).reason == "paramsInvalid"
            await reader.request("process/attach", {**params, "watchId": "w"})
            start = {
                "processId": "w",
                "argv": programs.succeed(),
                "cwd": "file:///",
                "env": {},
                "tty": False,
            }
            assert (await reader.refusal("process/start", start)).reason == "readOnly"
            error = await reader.refusal("process/attach", {**params, "watchId": "v"})
            assert (error.reason, error.data["subject"], error.data["limit"]) == (
                "limitReached",
                "max_watches",
                1,
            )
            await mine.terminate()
            await theirs.terminate()
