"""What the client says to a host, and what it makes of what a host says."""

import asyncio

import pytest

from telexec_client import Client, Process, connect, errors
from telexec_client.process.buffer import WINDOW_BYTES
from tests.component.client.scripted_host import (
    GRANT,
    HOST,
    Json,
    Line,
    ScriptedHost,
    client_of,
    encoded,
    reconnected,
)
from tests.harness.deadline import within


async def started(client: Client, line: Line) -> tuple[Process, str]:
    async def start() -> Process:
        return await client.start(["prog"])

    starting = asyncio.ensure_future(start())
    process_id = await line.start_process()
    return await within(starting, what="the start"), process_id


async def test_the_handshake_asks_for_extensions_and_a_new_session(host: ScriptedHost) -> None:
    async def open_() -> Client:
        return await connect(host.url, client_name="me")

    opening = asyncio.ensure_future(open_())
    line = await host.line()
    params = await line.open_session()
    assert params == {"clientName": "me", "resumeSessionId": None, "telexec": {"version": 1}}
    client = await opening
    assert client.extensions is None
    assert client.host.provider_id == "scripted"
    await client.close()


async def test_a_refused_handshake_is_an_error_with_the_hosts_words(host: ScriptedHost) -> None:
    async def open_() -> Client:
        return await connect(host.url)

    opening = asyncio.ensure_future(open_())
    line = await host.line()
    await line.refuse(await line.expect("initialize"), -32600, "not today")
    with pytest.raises(errors.HandshakeError, match="not today"):
        await opening


@pytest.mark.parametrize(
    "result",
    [{}, {"sessionId": 5, "environmentInfo": HOST}, {"sessionId": "s", "environmentInfo": {}}],
)
async def test_a_handshake_that_makes_no_sense_is_an_error(
    host: ScriptedHost, result: Json
) -> None:
    async def open_() -> Client:
        return await connect(host.url)

    opening = asyncio.ensure_future(open_())
    line = await host.line()
    await line.answer(await line.expect("initialize"), result)
    with pytest.raises(errors.HandshakeError, match="cannot understand"):
        await opening


async def test_a_start_says_everything_that_a_plain_peer_needs(host: ScriptedHost) -> None:
    async with client_of(host, grant=None) as (client, line):
        starting = asyncio.ensure_future(client.run(["prog", "arg"], env={"A": "b"}))
        request = await line.expect("process/start")
        params = request["params"]
        assert params.keys() >= {"processId", "argv", "cwd", "env", "tty"}
        assert params["envPolicy"].keys() == {
            "inherit",
            "ignoreDefaultExcludes",
            "exclude",
            "set",
            "includeOnly",
        }
        for ours in ("creditBytes", "timeoutMs", "envUnset", "size"):
            assert ours not in params
        await line.answer(request, {"processId": params["processId"], "sandboxType": "none"})
        await line.push_end(params["processId"], 1)
        assert (await starting).exit_code == 0


async def test_output_after_the_exit_belongs_to_the_process(host: ScriptedHost) -> None:
    async with client_of(host, grant=None) as (client, line):
        process, process_id = await started(client, line)
        await line.notify("process/exited", processId=process_id, seq=1, exitCode=3)
        await line.push(process_id, 2, "late")
        await line.notify("process/closed", processId=process_id, seq=3)
        done = await within(process.wait(), what="the end")
        assert (done.stdout, done.exit_code) == (b"late", 3)


async def test_what_a_newer_host_adds_is_ignored(host: ScriptedHost) -> None:
    async with client_of(host) as (client, line):
        process, process_id = await started(client, line)
        await line.notify("process/weather", processId=process_id, sun=True)
        await line.notify("process/output", processId="another", seq=1, stream="stdout", chunk="")
        await line.send({"id": 4711, "result": {}})
        await line.send({"id": 4711, "method": "client/request", "params": {}})
        await line.notify(
            "process/output",
            processId=process_id,
            seq=1,
            stream="stdout",
            chunk=encoded("x"),
            new="?",
        )
        await line.push_end(process_id, 2)
        assert (await within(process.wait(), what="the end")).stdout == b"x"


async def test_credit_follows_what_was_read(host: ScriptedHost) -> None:
    async with client_of(host) as (client, line):

        async def start() -> Process:
            return await client.start(["prog"])

        starting = asyncio.ensure_future(start())
        request = await line.expect("process/start")
        process_id = request["params"]["processId"]
        window = request["params"]["creditBytes"]
        await line.answer(request, {"processId": process_id})
        process = await starting
        half = window // 2
        for seq, received in ((1, half), (2, window)):
            await line.push(process_id, seq, "x" * half)
            # What has arrived is confirmed, although nobody reads it.
            assert (await line.expect("process/credit"))["params"] == {
                "processId": process_id,
                "upToBytes": window,
                "receivedBytes": received,
            }
        assert len(await within(process.stdout.read(), what="the output")) == half
        await credit_up_to(line, window + half)
        waiting = asyncio.ensure_future(process.wait(max_output_bytes=10 * window))
        await credit_up_to(line, half + 10 * window + 1)
        await line.push_end(process_id, 3)
        assert len((await waiting).stdout) == half


async def test_output_that_is_read_as_it_arrives_is_confirmed_and_paid_for_at_once(
    host: ScriptedHost,
) -> None:
    async with client_of(host) as (client, line):
        process, process_id = await started(client, line)
        reading = asyncio.ensure_future(process.stdout.read())
        await line.push(process_id, 1, "x" * (WINDOW_BYTES // 2))
        assert len(await within(reading, what="the output")) == WINDOW_BYTES // 2
        assert (await line.expect("process/credit"))["params"] == {
            "processId": process_id,
            "upToBytes": WINDOW_BYTES + WINDOW_BYTES // 2,
            "receivedBytes": WINDOW_BYTES // 2,
        }


async def credit_up_to(line: Line, offset: int) -> None:
    """Wait for the client to let output be pushed up to `offset`."""
    while (await line.expect("process/credit"))["params"]["upToBytes"] != offset:
        pass


async def test_a_gap_is_told_with_its_size_where_it_is(host: ScriptedHost) -> None:
    async with client_of(host) as (client, first):
        process, process_id = await started(client, first)
        await first.push(process_id, 1, "first")
        assert await within(process.stdout.read(), what="the output") == b"first"
        line = await reconnected(host, first)
        credit = await line.expect("process/credit")
        read = await line.expect("process/read")
        assert credit["params"]["processId"] == process_id
        assert (read["params"]["afterSeq"], read["params"]["afterBytes"]) == (1, 5)
        await line.answer(
            read,
            {
                "chunks": [{"seq": 9, "stream": "stdout", "chunk": encoded("last")}],
                "nextSeq": 10,
                "exited": False,
                "exitCode": None,
                "closed": False,
                "lost": 70,
            },
        )
        await line.push_end(process_id, 10)
        with pytest.raises(errors.OutputGapError) as gap:
            await within(process.stdout.read(), what="the gap")
        assert gap.value.lost_bytes == 70
        assert await process.stdout.read() == b"last"
        assert await process.stdout.read() == b""


async def test_wait_tells_of_gaps_only_when_it_has_everything_else(host: ScriptedHost) -> None:
    async with client_of(host) as (client, first):
        process, _ = await started(client, first)
        line = await reconnected(host, first)
        await line.expect("process/credit")
        read = await line.expect("process/read")
        batch = {"nextSeq": 4, "exited": True, "exitCode": 6, "closed": True, "lost": 8}
        chunk = {"seq": 1, "stream": "stderr", "chunk": encoded("rest")}
        await line.answer(read, batch | {"chunks": [chunk]})
        again = await line.expect("process/read")
        await line.answer(again, batch | {"chunks": [], "lost": 0})
        with pytest.raises(errors.OutputGapError) as gap:
            await within(process.wait(), what="the end")
        assert gap.value.lost_bytes == 8
        assert gap.value.completed is not None
        assert gap.value.completed.stderr == b"rest"
        assert gap.value.completed.exit_code == 6


async def test_a_process_that_the_host_has_forgotten_meanwhile_is_not_found(
    host: ScriptedHost,
) -> None:
    async with client_of(host, grant=None) as (client, first):
        process, _ = await started(client, first)
        line = await reconnected(host, first, grant=None)
        read = await line.expect("process/read")
        await line.refuse(read, -32600, f"unknown process id {process.process_id}")
        with pytest.raises(errors.ProcessNotFoundError):
            await within(process.wait(), what="the news")


async def test_a_session_that_is_still_attached_is_tried_again(host: ScriptedHost) -> None:
    async with client_of(host) as (client, first):
        first.cut()
        for _ in range(3):
            line = await host.line()
            await line.refuse(await line.expect("initialize"), -32010, "still attached")
        line = await host.line()
        await line.open_session(grant=GRANT)
        process, process_id = await started(client, line)
        await line.push_end(process_id, 1)
        assert (await within(process.wait(), what="the end")).exit_code == 0


async def test_a_session_that_is_unknown_is_not_tried_again(host: ScriptedHost) -> None:
    async with client_of(host) as (client, first):
        process, _ = await started(client, first)
        first.cut()
        line = await host.line()
        await line.refuse(await line.expect("initialize"), -32600, "unknown session id session")
        with pytest.raises(errors.SessionLostError, match="unknown session"):
            await within(process.wait(), what="the news")
        with pytest.raises(errors.SessionLostError):
            await client.run(["prog"])


async def test_what_may_be_repeated_is_repeated_with_the_same_id_and_in_order(
    host: ScriptedHost,
) -> None:
    async with client_of(host, grant=None) as (client, first):
        one = asyncio.ensure_future(client.files.read("/a"))
        other = asyncio.ensure_future(client.files.read("/b"))
        sent = [await first.expect("fs/readFile"), await first.expect("fs/readFile")]
        line = await reconnected(host, first, grant=None)
        again = [await line.expect("fs/readFile"), await line.expect("fs/readFile")]
        assert again == sent
        for request in reversed(again):
            await line.answer(request, {"dataBase64": encoded(request["params"]["path"])})
        assert await one == b"file:///a"
        assert await other == b"file:///b"


async def test_a_start_that_happened_already_is_no_error_after_a_resume(
    host: ScriptedHost,
) -> None:
    async with client_of(host, grant=None) as (client, first):
        running = asyncio.ensure_future(client.run(["prog"]))
        await first.expect("process/start")
        line = await reconnected(host, first, grant=None)
        request = await line.expect("process/start")
        process_id = request["params"]["processId"]
        await line.refuse(request, -32600, f"process {process_id} already exists")
        read = await line.expect("process/read")
        batch = {"nextSeq": 4, "exited": True, "exitCode": 0, "closed": True}
        chunk = {"seq": 1, "stream": "stdout", "chunk": encoded("x")}
        await line.answer(read, batch | {"chunks": [chunk]})
        await line.answer(await line.expect("process/read"), batch | {"chunks": []})
        assert (await within(running, what="the end")).stdout == b"x"


async def test_what_came_before_the_answer_to_the_start_is_confirmed_once_it_is_there(
    host: ScriptedHost,
) -> None:
    async with client_of(host) as (client, first):
        running = asyncio.ensure_future(client.run(["prog"]))
        request = await first.expect("process/start")
        process_id = request["params"]["processId"]
        await first.push(process_id, 1, "x")
        # The host may wait for that to be confirmed, and the connection is gone.
        line = await reconnected(host, first)
        await line.answer(await line.expect("process/start"), {"processId": process_id})
        credit = await line.expect("process/credit")
        assert credit["params"]["receivedBytes"] == 1
        batch = {"chunks": [], "nextSeq": 2, "exited": False, "exitCode": None, "closed": False}
        await line.answer(await line.expect("process/read"), batch)
        await line.push_end(process_id, 2)
        assert (await within(running, what="the end")).stdout == b"x"


async def test_an_id_that_is_taken_without_a_resume_is_an_error(host: ScriptedHost) -> None:
    async with client_of(host, grant=None) as (client, line):
        running = asyncio.ensure_future(client.run(["prog"]))
        request = await line.expect("process/start")
        await line.refuse(request, -32600, "process x already exists")
        with pytest.raises(errors.RemoteError, match="already exists"):
            await within(running, what="the error")


@pytest.mark.parametrize(
    "nonsense",
    [
        "not JSON",
        "[]",
        "{}",
        '{"method": "process/output", "params": {"processId": 5}}',
        (
            '{"method": "process/output", "params": {"processId": "p", "seq": 1,'
            ' "stream": "stdout", "chunk": "***"}}'
        ),
    ],
)
async def test_after_nonsense_the_session_goes_on_over_another_connection(
    host: ScriptedHost, nonsense: str
) -> None:
    async with client_of(host, grant=None) as (client, first):
        await first.send(nonsense)
        line = await host.line()
        await line.open_session()
        reading = asyncio.ensure_future(client.files.read("/a"))
        await line.answer(await line.expect("fs/readFile"), {"dataBase64": ""})
        assert await within(reading, what="the answer") == b""


async def test_an_answer_of_another_shape_is_an_error_of_its_own(host: ScriptedHost) -> None:
    async with client_of(host) as (client, line):
        reading = asyncio.ensure_future(client.files.read("/a"))
        await line.answer(await line.expect("fs/readFile"), {"dataBase64": 5})
        with pytest.raises(errors.ProtocolViolationError, match="fs/readFile"):
            await reading


async def test_a_host_that_cannot_read_us_leaves_nobody_waiting(host: ScriptedHost) -> None:
    async with client_of(host) as (client, line):
        reading = asyncio.ensure_future(client.files.read("/a"))
        await line.expect("fs/readFile")
        await line.send({"id": -1, "error": {"code": -32600, "message": "cannot parse"}})
        with pytest.raises(errors.ProtocolViolationError, match="cannot parse"):
            await within(reading, what="the error")


async def test_writes_carry_ids_of_their_own_and_stay_bounded_in_flight(
    host: ScriptedHost,
) -> None:
    async with client_of(host) as (client, line):
        process, _ = await started(client, line)
        writing = asyncio.ensure_future(process.write(bytes(10 * 256 * 1024)))
        seen: list[str] = []
        requests = [await line.expect("process/write") for _ in range(4)]
        while requests:
            request = requests.pop(0)
            seen.append(request["params"]["writeId"])
            await line.answer(request, {"status": "accepted"})
            if len(seen) + len(requests) < 10:
                requests.append(await line.expect("process/write"))
        await within(writing, what="the write")
        assert len(set(seen)) == 10


async def test_a_refused_write_ends_the_writing(host: ScriptedHost) -> None:
    async with client_of(host) as (client, line):
        process, _ = await started(client, line)
        writing = asyncio.ensure_future(process.write(bytes(10 * 256 * 1024)))
        await line.answer(await line.expect("process/write"), {"status": "stdinClosed"})
        with pytest.raises(errors.StdinClosedError):
            await within(writing, what="the error")


async def test_leaving_does_not_wait_for_ever_for_a_host_that_says_nothing(
    host: ScriptedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telexec_client.connection.connection.FAREWELL_TIMEOUT_S", 0.1)
    monkeypatch.setattr("telexec_client.transport.websocket.CLOSE_TIMEOUT_S", 0.1)
    async with client_of(host) as (client, line):
        await started(client, line)
        await within(client.close(), what="the end")


async def test_a_cancelled_call_leaves_the_client_in_order(host: ScriptedHost) -> None:
    async with client_of(host) as (client, line):
        reading = asyncio.ensure_future(client.files.read("/a"))
        request = await line.expect("fs/readFile")
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await line.answer(request, {"dataBase64": encoded("too late")})
        other = asyncio.ensure_future(client.files.read("/b"))
        await line.answer(await line.expect("fs/readFile"), {"dataBase64": encoded("b")})
        assert await within(other, what="the answer") == b"b"


async def test_a_cancelled_start_is_ended_on_the_host(host: ScriptedHost) -> None:
    async with client_of(host) as (client, line):
        starting = asyncio.ensure_future(client.run(["prog"]))
        request = await line.expect("process/start")
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        terminate = await line.expect("process/terminate")
        assert terminate["params"]["processId"] == request["params"]["processId"]
