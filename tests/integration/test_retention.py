"""Output that nobody reads is kept in memory, then in a file; then its process waits, or not."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telexec_client import connect
from telexec_client.errors import OutputGapError
from tests.harness import programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawProcess, decoded, raw_peer
from tests.harness.required import skip_unless_required
from tests.harness.server import Server
from tests.harness.service import LOOPBACK, running_service, service_argv

LINES = programs.numbered_lines(1, 300_000)
OUTPUT = programs.expected_lines(1, 300_000)

LOOPS = pytest.mark.parametrize("options", [[], ["--no-uvloop"]], ids=["uvloop", "asyncio"])


def config(directory: Path, *, retained_bytes: int = 100_000, **spill: int) -> str:
    """Return a configuration with little memory and a spill directory."""
    rules = "".join(f"{name} = {value}\n" for name, value in spill.items())
    limits = f"[limits]\nretained_bytes = {retained_bytes}\n"
    return f'{limits}[spill]\ndirectory = "{directory}"\n{rules}'


def spill_files(server: Server, directory: Path) -> list[str]:
    """Return what the service has open in a directory."""
    targets = server.open_fds().values()
    return [it for it in targets if it.startswith(f"{directory}/") and it.endswith("(deleted)")]


async def read_on(process: RawProcess, *, after_bytes: int = 0, after_seq: int = 0) -> bytes:
    """Read from a point on to the end of a closed process; nothing may be missing."""
    output = b""
    while True:
        batch = await process.read(afterSeq=after_seq, afterBytes=after_bytes + len(output))
        assert batch["lost"] == 0
        output += decoded(batch)
        after_seq = batch["nextSeq"] - 1
        if not batch["chunks"]:
            assert batch["closed"] is True
            return output


@LOOPS
async def test_what_memory_does_not_hold_can_be_read_from_any_point_after_the_end(
    tmp_path: Path, options: list[str]
) -> None:
    with running_service(tmp_path, config=config(tmp_path), options=options) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(LINES)
            assert await process.exit_code() == 0
            assert process.output() == OUTPUT
            assert await read_on(process) == OUTPUT
            pushed = [it for it in process.events if it["method"] == "process/output"]
            at = 0
            for event in pushed[:: len(pushed) // 5]:
                at = len(decoded({"chunks": pushed[: event["seq"]]}))
                rest = await read_on(process, after_seq=event["seq"], after_bytes=at)
                assert rest == OUTPUT[at:]
            assert len(spill_files(server, tmp_path)) == 1


@pytest.mark.parametrize("retained_bytes", [100, 5_000, 100_000])
async def test_a_process_of_a_lost_client_goes_on_into_the_file(
    tmp_path: Path, retained_bytes: int
) -> None:
    done = tmp_path / "done"
    script = 'read line; seq 1 300000; touch "$1"'
    little = config(tmp_path, retained_bytes=retained_bytes)
    with running_service(tmp_path, config=little) as server:
        async with raw_peer(server.url) as first:
            process = await first.start(
                programs.shell(script, str(done)), env={"PATH": "/usr/bin:/bin"}, pipeStdin=True
            )
            await process.write(b"\n")
        await eventually(done.exists, what="the end of a process that nobody reads")
        async with raw_peer(server.url, resume=first.session_id) as second:
            again = second.process(process.process_id)
            await second.until(lambda: again.is_closed, what="the end")
            assert await read_on(again) == OUTPUT


async def test_a_full_file_makes_a_process_wait_and_nothing_is_lost(tmp_path: Path) -> None:
    with running_service(tmp_path, config=config(tmp_path, process_bytes=500_000)) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(LINES, creditBytes=0)
            held = 0
            while held < 2:
                batch = await process.read(afterSeq=0, afterBytes=0)
                assert batch["lost"] == 0
                assert batch["closed"] is False
                held += bool(batch["chunks"])
            while not process.is_closed:
                have = len(process.events)
                await process.grant(len(process.output()) + 200_000)
                if not process.is_closed:
                    await process.until_more_than(have)
            assert process.output() == OUTPUT


async def test_a_quota_of_the_host_is_shared_and_what_does_not_fit_is_a_gap_of_known_size(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path, config=config(tmp_path, host_bytes=1_000_000)) as server:
        async with raw_peer(server.url) as peer:
            for _ in range(3):
                process = await peer.start(LINES)
                assert await process.exit_code() == 0
                assert process.output() == OUTPUT
                batch = await process.read(afterSeq=0, afterBytes=0)
                lost = batch["lost"]
                assert 0 < lost < len(OUTPUT)
                rest = await read_on(process, after_seq=batch["nextSeq"] - 1)
                assert decoded(batch) + rest == OUTPUT[lost:]


@LOOPS
async def test_one_that_asked_for_it_never_waits_and_is_told_what_it_missed(
    tmp_path: Path, options: list[str]
) -> None:
    done = tmp_path / "done"
    script = 'seq 1 300000; touch "$1"'
    with running_service(
        tmp_path, config="[limits]\nretained_bytes = 100_000\n", options=options
    ) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(
                programs.shell(script, str(done)),
                env={"PATH": "/usr/bin:/bin"},
                overflow="drop",
                creditBytes=10_000,
            )
            await eventually(done.exists, what="the end of a process that nobody reads")
            await process.grant(2**40)
            await peer.until(lambda: process.is_closed, what="the end")
            events = process.events
            assert [it["method"] for it in events].count("process/gap") == 1
            offset, next_seq = 0, 1
            for event in events:
                assert event["seq"] == next_seq
                next_seq += 1
                if event["method"] == "process/gap":
                    offset += event["lostBytes"]
                    next_seq = event["nextSeq"]
                elif event["method"] == "process/output":
                    data = chunk(event)
                    assert OUTPUT[offset : offset + len(data)] == data
                    offset += len(data)
            assert offset == len(OUTPUT)


def chunk(event: dict[str, Any]) -> bytes:
    """Return the output in an event."""
    return decoded({"chunks": [event]})


async def test_a_client_gets_a_gap_of_the_right_size_for_what_was_dropped(tmp_path: Path) -> None:
    done = tmp_path / "done"
    script = 'seq 1 300000; touch "$1"; read line; echo end'
    with running_service(tmp_path, config="[limits]\nretained_bytes = 100_000\n") as server:
        async with (
            connect(server.url) as client,
            client.start(
                ["/bin/sh", "-c", script, "sh", str(done)], overflow="drop", stdin=True
            ) as process,
        ):
            await eventually(done.exists, what="a process that does not wait for us")
            await process.write(b"\n")
            with pytest.raises(OutputGapError) as missed:
                await process.wait()
            lost, completed = missed.value.lost_bytes, missed.value.completed
            assert lost is not None
            assert completed is not None
            everything = OUTPUT + b"end\n"
            got = completed.stdout
            assert len(got) + lost == len(everything)
            assert everything.endswith(got[-20_000:])
            assert everything.startswith(got[:10_000])


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a directory on a file system of 256 KiB."""
    if os.geteuid() != 0:
        skip_unless_required("mounting needs root")
    directory = tmp_path / "disk"
    directory.mkdir()
    options = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", str(directory)]
    subprocess.run([*programs.tool("mount"), *options], check=True)
    try:
        yield directory
    finally:
        subprocess.run([*programs.tool("umount"), str(directory)], check=True)


@pytest.mark.root
async def test_a_full_disk_is_a_gap_of_known_size_and_no_error_of_the_process(
    tmp_path: Path, tiny_disk: Path
) -> None:
    with running_service(tmp_path, config=config(tiny_disk)) as server:
        async with raw_peer(server.url) as peer:
            for _ in range(2):
                process = await peer.start(LINES)
                assert await process.exit_code() == 0
                assert process.output() == OUTPUT
                batch = await process.read(afterSeq=0, afterBytes=0)
                rest = await read_on(process, after_seq=batch["nextSeq"] - 1)
                assert decoded(batch) + rest == OUTPUT[batch["lost"] :]
                assert batch["lost"] > 0


async def test_files_are_gone_with_their_processes(tmp_path: Path) -> None:
    rules = config(tmp_path) + "[sessions]\nfinished_s = 0.2\n"
    with running_service(tmp_path, config=rules) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(LINES)
            await process.until_closed()
            await eventually(
                lambda: not spill_files(server, tmp_path), what="the end of a forgotten file"
            )
        assert not [name for name in os.listdir(tmp_path) if name.startswith(".telexec")]


def test_a_directory_that_is_of_no_use_is_said_before_anything_is_served(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[spill]\ndirectory = "/nonexistent"\n')
    argv = service_argv(LOOPBACK, "--config", str(file), "--no-auth")
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "telexec-service: cannot keep output in /nonexistent ([spill] directory):"
        " No such file or directory"
    )
