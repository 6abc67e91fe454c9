"""Input and output as text, by lines, all at once, and both streams as one."""

import asyncio
import os
from pathlib import Path

import pytest

from telexec_client import Client, CompletedProcess, CompletedText, connect, errors
from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.server import Server

pytestmark = pytest.mark.both_loops

UMLAUTS = "Gr\u00fc\u00dfe"


async def test_text_goes_in_and_comes_out(any_client: Client) -> None:
    done = await any_client.run(programs.echo(), input=UMLAUTS, text=True)
    assert isinstance(done, CompletedText)
    assert (done.stdout, done.stderr, done.exit_code, done.reason) == (UMLAUTS, "", 0, "exited")
    done = await any_client.run(programs.echo(), input=UMLAUTS, encoding="latin-1")
    assert done.stdout == UMLAUTS
    raw = await any_client.run(programs.echo(), input=UMLAUTS)
    assert isinstance(raw, CompletedProcess)
    assert raw.stdout == UMLAUTS.encode()


async def test_output_that_is_no_text_is_an_error_that_has_it(any_client: Client) -> None:
    argv = programs.shell("printf 'caf\\351'; exit 3")
    with pytest.raises(errors.OutputEncodingError) as undecoded:
        await any_client.run(argv, text=True)
    completed = undecoded.value.completed
    assert completed is not None
    assert (completed.stdout, completed.exit_code) == (b"caf\xe9", 3)
    done = await any_client.run(argv, text=True, errors="replace")
    assert done.stdout == "caf\ufffd"


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"encoding": "no-such-encoding"}, LookupError),
        ({"encoding": "ascii", "input": UMLAUTS}, UnicodeEncodeError),
        ({"checked": True}, TypeError),
        ({"timeout": 3}, TypeError),
    ],
)
async def test_what_makes_no_sense_starts_nothing(
    any_client: Client, options: dict[str, object], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await any_client.run(programs.succeed(), **options)
    assert (await any_client.processes()).processes == []


async def test_a_timeout_in_text_has_the_bytes_so_far_of_both_streams(any_client: Client) -> None:
    argv = programs.shell("printf '\\303'; printf err >&2; exec sleep 600")
    with pytest.raises(errors.ProcessTimeoutError) as timeout:
        await any_client.run(argv, text=True, timeout_s=0.5, env={"PATH": os.environ["PATH"]})
    completed = timeout.value.completed
    assert (completed.stdout, completed.stderr) == (b"\xc3", b"err")


async def test_both_streams_can_be_one_in_the_order_of_writing(any_client: Client) -> None:
    script = "i=0; while [ $i -lt 1000 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done"
    done = await any_client.run(programs.shell(script), merge_stderr=True)
    assert done.stdout == programs.expected_lines(0, 999)
    assert done.stderr == b""


async def test_a_terminal_has_one_stream_anyway(any_client: Client) -> None:
    done = await any_client.run(programs.say_both("a", "b"), tty=True, merge_stderr=True)
    assert done.stdout == b"ab"


async def test_lines_come_while_the_process_runs(any_client: Client) -> None:
    script = "while read word; do echo $word; echo $word >&2; done"
    async with any_client.start(programs.shell(script), stdin=True) as process:
        lines = process.lines(text=True)
        for word in ("one\n", "two\n"):
            await process.write(word.encode())
            got = [await within(anext(lines), what="a line") for _ in range(2)]
            assert got == [word, word]
        await process.close_stdin()
        assert [line async for line in lines] == []


async def test_a_flood_of_lines_is_whole_and_what_is_left_of_it_too(any_client: Client) -> None:
    async with any_client.start(programs.numbered_lines(1, 300_000)) as process:
        seen = b""
        async for line in process.lines():
            seen += line
            if line == b"100000\n":
                break
        done = await within(process.wait(), what="the end")
    assert seen + done.stdout == programs.expected_lines(1, 300_000)


async def test_a_line_without_an_end_takes_no_memory(any_client: Client) -> None:
    script = "head -c 20000000 /dev/zero; echo; echo next"
    argv = programs.shell(script)
    async with any_client.start(argv, env={"PATH": os.environ["PATH"]}) as process:
        lines = process.lines(max_line_bytes=1000)
        with pytest.raises(errors.LineTooLongError) as overlong:
            await within(anext(lines), what="the error")
        assert overlong.value.start == bytes(1000)
        assert [line async for line in lines] == [b"next\n"]


async def test_communicating_gives_all_input_and_returns_all_output(any_client: Client) -> None:
    data = os.urandom(3_000_000)
    async with any_client.start(programs.echo(), stdin=True) as process:
        out, err = await within(process.communicate(data), what="the end")
        assert (out == data, err, process.exit_code) == (True, b"", 0)
    async with any_client.start(programs.say_both(UMLAUTS, "err")) as process:
        assert await process.communicate(text=True) == (UMLAUTS, "err")


async def test_communicating_nothing_ends_the_input(any_client: Client) -> None:
    async with any_client.start(programs.echo(), stdin=True) as process:
        assert await within(process.communicate(), what="the end") == (b"", b"")


async def test_input_for_a_process_without_stdin_is_an_error(any_client: Client) -> None:
    async with any_client.start(programs.succeed()) as process:
        with pytest.raises(errors.StdinClosedError):
            await process.communicate(b"x")
        assert await process.communicate() == (b"", b"")


async def test_communicating_can_end_before_the_process_and_loses_nothing(
    any_client: Client,
) -> None:
    argv = programs.shell("echo kept; read line; echo $line")
    async with any_client.start(argv, stdin=True) as process:
        assert await within(anext(process.lines()), what="a line") == b"kept\n"
        with pytest.raises(errors.ProcessTimeoutError) as timeout:
            async with any_client.start(programs.say_and_sleep("so far"), stdin=True) as sleeper:
                await sleeper.communicate(b"x", timeout_s=0.3)
        assert timeout.value.completed.stdout == b"so far"
        assert await within(process.communicate(b"end\n"), what="the end") == (b"end\n", b"")


async def test_who_leaves_a_process_in_its_block_leaves_it_running(service: Server) -> None:
    async with connect(service.url) as client:
        async with client.start(programs.echo(), stdin=True) as process:
            process.detach()
        (entry,) = (await client.processes()).processes
        assert entry.state == "running"
        async with client.attach(entry.process_id) as again:
            assert await within(again.communicate(b"x"), what="the end") == (b"x", b"")


@pytest.mark.parametrize("wish", ["kill", "detach"])
async def test_cancelling_a_run_ends_its_process_or_leaves_it_as_asked(
    service: Server, wish: str, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    argv = programs.shell('printf begun; : > "$1"; exec sleep 600', str(begun))
    async with connect(service.url) as client:
        running = asyncio.ensure_future(client.run(argv, input=b"more", on_cancel=wish))
        await eventually(begun.exists, what="the process")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        (entry,) = (await client.processes()).processes
        if wish == "kill":
            await eventually(lambda: not procfs.is_alive(entry.pid), what="its end")
            return
        async with client.attach(entry.process_id) as process:
            assert await within(process.stdout.read(), what="its output") == b"begun"
            assert procfs.is_alive(entry.pid)
            await process.terminate()


async def test_a_process_that_cannot_be_left_is_not_started_to_be_left(
    exec_server: Server,
) -> None:
    async with connect(exec_server.url) as client:
        with pytest.raises(errors.UnsupportedError):
            await client.run(programs.succeed(), on_cancel="detach")


async def test_on_a_plain_host_both_streams_are_one_as_well(exec_server: Server) -> None:
    script = "echo 1; sleep 0.2; echo 2 >&2; sleep 0.2; echo 3"
    async with connect(exec_server.url) as client:
        done = await client.run(programs.shell(script), merge_stderr=True, text=True)
        assert (done.stdout, done.stderr) == ("1\n2\n3\n", "")
