"""A connection that breaks: what runs goes on, and nothing is lost or done twice untold."""

import asyncio
import hashlib
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from telexec_client import Client, Process, connect, errors
from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import LOOPBACK, running_service, service_argv

pytestmark = pytest.mark.both_loops

LAST_LINE = 1_450_000
"""Numbered lines up to this one are a bit more than 10 MiB."""

LINES = programs.numbered_lines(1, LAST_LINE)


def expected_lines() -> bytes:
    lines = programs.expected_lines(1, LAST_LINE)
    assert len(lines) > 10 * 1024 * 1024
    return lines


@pytest_asyncio.fixture
async def proxy(service: Server) -> AsyncIterator[FaultProxy]:
    with fault_proxy(service.url) as between:
        yield between


@pytest_asyncio.fixture
async def remote(proxy: FaultProxy) -> AsyncIterator[Client]:
    async with connect(proxy.url) as connected:
        yield connected


@pytest.mark.parametrize("seed", range(2))
async def test_every_line_comes_once_and_in_order_through_random_cuts(
    proxy: FaultProxy, remote: Client, seed: int
) -> None:
    chance = random.Random(seed)
    cuts = 0

    async def cut_again_and_again() -> None:
        nonlocal cuts
        while True:
            # Anywhere: in a header, in the handshake, between two frames, in the middle of one.
            after = chance.choice([1, 700, 50_000, 1_000_000, 3_000_000])
            side = chance.choice(["server_bytes", "server_bytes", "server_bytes", "client_bytes"])
            if side == "client_bytes":
                after = min(after, 1_500)
            await proxy.cut_after(**{side: chance.randint(1, after)})
            cuts += 1

    cutting = asyncio.ensure_future(cut_again_and_again())
    try:
        done = await within(remote.run(LINES), what="all lines", deadline_s=90)
    finally:
        cutting.cancel()
    assert done.stdout == expected_lines()
    assert done.exit_code == 0
    assert cuts > 3
    assert proxy.connections > 3


async def test_a_slow_reader_loses_nothing_either(proxy: FaultProxy, remote: Client) -> None:
    received: list[bytes] = []
    async with remote.start(LINES) as process:
        async for data in process.stdout:
            received.append(data)
            if len(received) % 60 == 0:
                proxy.cut()
                await proxy.until_connections(proxy.connections + 1)
        done = await process.wait()
    assert b"".join(received) == expected_lines()
    assert done.exit_code == 0


async def test_connections_that_never_last_for_a_whole_piece_of_output_bring_it_all_the_same(
    proxy: FaultProxy, remote: Client
) -> None:
    expected = programs.expected_lines(1, 60_000)

    async def cut_again_and_again() -> None:
        while True:
            # A piece is up to 128 KiB, and much of what comes is talk.
            await proxy.cut_after(server_bytes=14_000)

    cutting = asyncio.ensure_future(cut_again_and_again())
    try:
        done = await within(remote.run(programs.numbered_lines(1, 60_000)), what="all lines")
    finally:
        cutting.cancel()
    assert (done.stdout, done.exit_code) == (expected, 0)
    assert proxy.connections > len(expected) // 14_000


async def test_both_streams_and_an_exit_survive_cuts(proxy: FaultProxy, remote: Client) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do echo $i; echo $i >&2; i=$((i+1)); done; exit 9"

    async def cut_now_and_then() -> None:
        while True:
            await proxy.cut_after(server_bytes=90_000)

    cutting = asyncio.ensure_future(cut_now_and_then())
    try:
        done = await within(remote.run(programs.shell(script)), what="the end")
    finally:
        cutting.cancel()
    lines = b"".join(b"%d\n" % number for number in range(20_000))
    assert (done.stdout, done.stderr, done.exit_code) == (lines, lines, 9)


async def test_input_is_written_once_and_in_order_through_cuts(
    proxy: FaultProxy, remote: Client
) -> None:
    data = random.Random(5).randbytes(12 * 1024 * 1024)

    async def cut_now_and_then() -> None:
        while True:
            await proxy.cut_after(client_bytes=2_500_000)

    cutting = asyncio.ensure_future(cut_now_and_then())
    try:
        done = await within(
            remote.run(programs.checksum_stdin(), input=data), what="the checksum", deadline_s=60
        )
    finally:
        cutting.cancel()
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert proxy.connections > 3


async def test_a_process_that_ends_while_nobody_is_connected_is_not_missed(
    proxy: FaultProxy, remote: Client, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    script = 'until [ -e "$1" ]; do :; done; echo went; exit 4'
    async with remote.start(programs.shell(script, str(go))) as process:
        proxy.refuse()
        proxy.cut()
        go.touch()
        assert process.pid is not None
        pid = process.pid
        await eventually(lambda: not procfs.is_alive(pid), what="its end")
        proxy.accept()
        done = await within(process.wait(), what="the news")
    assert (done.stdout, done.exit_code) == (b"went\n", 4)


async def test_calls_made_while_there_is_no_connection_wait_for_one(
    proxy: FaultProxy, remote: Client
) -> None:
    proxy.refuse()
    proxy.cut()
    running = [asyncio.ensure_future(remote.run(programs.say(str(n)))) for n in range(5)]
    connections = proxy.connections
    await asyncio.wait(running, timeout=0.2)
    assert not any(task.done() for task in running)
    proxy.accept()
    results = await within(asyncio.gather(*running), what="the runs")
    assert [done.stdout for done in results] == [b"0", b"1", b"2", b"3", b"4"]
    assert proxy.connections == connections + 1


async def test_a_start_whose_answer_was_lost_starts_one_process(
    proxy: FaultProxy, remote: Client, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    argv = programs.shell('echo started >> "$1"; echo here', str(count))
    for lost_bytes in (1, 10, 60, 90):
        count.unlink(missing_ok=True)
        cut = proxy.cut_after(server_bytes=lost_bytes)
        done = await within(remote.run(argv), what="the run")
        await within(cut, what="the cut")
        assert done.stdout == b"here\n"
        assert count.read_text() == "started\n"


async def test_what_cannot_be_repeated_fails_with_its_uncertainty(
    proxy: FaultProxy, remote: Client, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    proxy.cut_after(server_bytes=1)
    with pytest.raises(errors.ConnectionLostError, match="cannot tell whether"):
        await within(remote.files.write(str(path), b"data"), what="the failure")
    # The client itself goes on.
    await remote.files.write(str(path), b"other data")
    assert path.read_bytes() == b"other data"


async def test_a_client_that_may_not_reconnect_says_so_at_once(proxy: FaultProxy) -> None:
    async with connect(proxy.url, reconnect=False) as client:
        process = await client.start(programs.say_and_sleep("x"))
        assert await process.stdout.read() == b"x"
        proxy.cut()
        with pytest.raises(errors.SessionLostError):
            await within(process.wait(), what="the news")
        with pytest.raises(errors.SessionLostError):
            await client.run(programs.succeed())
        with pytest.raises(errors.SessionLostError):
            await process.stdout.read()
        # It would go on for its lease, and the service drain for it.
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)


async def test_a_host_that_was_killed_is_given_up_before_its_lease_would_be_over(
    tmp_path: Path,
) -> None:
    argv = service_argv(LOOPBACK, "--no-auth")
    environment = minimal_environment(tmp_path)
    with running_server(
        argv, env=environment, directory=tmp_path, expect_graceful=False
    ) as service:
        async with connect(service.url) as client:
            # It ends by itself when the service that reads its output has gone.
            process = await client.start(programs.shell("while echo tick; do sleep 0.05; done"))
            service.send_signal(signal.SIGKILL)
            with pytest.raises(errors.SessionLostError, match="nobody has answered since"):
                await within(process.wait(), what="the news")


async def test_when_the_lease_is_over_everybody_is_told_and_the_processes_are_gone(
    tmp_path: Path,
) -> None:
    with (
        running_service(tmp_path, config="[sessions]\nlease_s = 1.0\n") as short,
        fault_proxy(short.url) as proxy,
    ):
        async with connect(proxy.url) as client:
            process = await client.start(programs.say_and_sleep("said"))
            assert process.pid is not None
            pid = process.pid
            await has_come(process, b"said")
            proxy.refuse()
            proxy.cut()
            with pytest.raises(errors.SessionLostError) as loss:
                await within(process.wait(), what="the news")
            assert loss.value.completed is not None
            assert loss.value.completed.stdout == b"said"
            # What had come can still be read.
            assert await process.stdout.read() == b"said"
            with pytest.raises(errors.SessionLostError):
                await process.stdout.read()
            with pytest.raises(errors.SessionLostError):
                await client.run(programs.succeed())
            await eventually(lambda: not procfs.is_alive(pid), what="its end")


async def has_come(process: Process, output: bytes) -> None:
    """Wait until this much output has come, and leave it unread."""

    async def look() -> None:
        while True:
            with pytest.raises(errors.ProcessTimeoutError) as so_far:
                await process.wait(0.02)
            if so_far.value.completed.stdout == output:
                return

    await within(look(), what=repr(output))


@pytest.mark.parametrize("lost", ["before it", "in the middle of it", "with its answer"])
async def test_what_runs_ends_with_the_client_also_if_it_loses_the_connection_as_it_says_so(
    proxy: FaultProxy, lost: str
) -> None:
    client = await connect(proxy.url)
    process = await client.start(programs.say_and_sleep("here"))
    assert await process.stdout.read() == b"here"
    pid = process.pid
    assert pid is not None
    if lost == "before it":
        proxy.cut()
    elif lost == "in the middle of it":
        proxy.cut_after(client_bytes=10)
    else:
        proxy.cut_after(server_bytes=1)
    await within(client.close(), what="its end")
    # Long before the lease is over.
    await eventually(lambda: not procfs.is_alive(pid), what="the end of what ran")


async def test_a_session_that_the_host_does_not_know_any_more_is_lost(tmp_path: Path) -> None:
    listen = f"unix:{tmp_path}/socket"
    with running_service(tmp_path, listen=listen) as first:
        client = await connect(first.url)
        first.send_signal(signal.SIGTERM)
        await first.ended()
    try:
        with running_service(tmp_path, listen=listen), pytest.raises(errors.SessionLostError):
            await within(client.run(programs.succeed()), what="the news")
    finally:
        await client.close()
