"""A reader that stops reading costs the service little, however much there is to read."""

from collections.abc import Iterator

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import eventually
from tests.harness.fault_proxy import fault_proxy
from tests.harness.raw_peer import Json, RawProcess, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service

MIB = 2**20
ALL_BYTES = 2 * 1024 * MIB
RETAINED_BYTES = MIB
ALLOWANCE_BYTES = 8 * MIB
"""What a stalled reader may cost besides what is retained for it."""


@pytest.fixture(params=["uvloop", "asyncio"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a service of its own for each test: what the one before took would count."""
    options = ["--no-uvloop"] if request.param == "asyncio" else []
    config = f"[limits]\nretained_bytes = {RETAINED_BYTES}\n[sessions]\nlease_s = 1.0\n"
    directory = tmp_path_factory.mktemp("service")
    with running_service(directory, config=config, options=options) as server:
        yield server


def write_it_all() -> list[str]:
    """Write 2 GiB as fast as it goes."""
    return programs.tool("head", "-c", str(ALL_BYTES), "/dev/zero")


async def round_trip(echo: RawProcess, number: int) -> None:
    """Say a number to `cat` and hear it."""
    line = b"%d\n" % number
    known = len(echo.events)
    await echo.write(line)
    await echo.until_more_than(known)
    assert echo.output().endswith(line)


@pytest.mark.parametrize(
    ("extensions", "options"),
    [(False, {}), (True, {"creditBytes": ALL_BYTES}), (True, {"creditBytes": MIB, "handle": 1})],
    ids=["base dialect", "any credit", "binary frames"],
)
async def test_a_process_waits_for_a_stalled_reader_and_the_others_go_on(
    service: Server, extensions: bool, options: Json
) -> None:
    with fault_proxy(service.url) as proxy:
        async with (
            raw_peer(service.url) as other,
            raw_peer(proxy.url, extensions=extensions) as peer,
        ):
            echo = await other.start(programs.echo(), pipeStdin=True)
            await round_trip(echo, 0)
            procfs.forget_peak(service.pid)
            before = procfs.resident_bytes(service.pid)
            process = await peer.start(write_it_all(), **options)
            proxy.stall()
            pid = process.started["pid"]
            await eventually(lambda: procfs.awaits_reader(pid), what="the process to wait")
            for number in range(1, 200):
                await round_trip(echo, number)
            assert procfs.awaits_reader(pid)
            assert procfs.written_bytes(pid) < ALL_BYTES // 64
            grown = procfs.peak_resident_bytes(service.pid) - before
            assert grown < ALLOWANCE_BYTES + RETAINED_BYTES
            proxy.cut()
        await eventually(lambda: not procfs.is_alive(pid), what="its end")


async def test_a_process_waits_while_nobody_is_connected_and_takes_no_memory(
    service: Server,
) -> None:
    async with raw_peer(service.url) as peer:
        procfs.forget_peak(service.pid)
        before = procfs.resident_bytes(service.pid)
        process = await peer.start(write_it_all(), creditBytes=MIB)
        pid = process.started["pid"]
    await eventually(lambda: procfs.awaits_reader(pid), what="the process to wait")
    grown = procfs.peak_resident_bytes(service.pid) - before
    assert grown < ALLOWANCE_BYTES + RETAINED_BYTES
    async with raw_peer(service.url, resume=peer.session_id) as again:
        assert await again.process(process.process_id).terminate() is True
        await eventually(lambda: not procfs.is_alive(pid), what="its end")


@pytest.mark.parametrize(
    ("options", "service"),
    [({"creditBytes": MIB, "handle": 1}, "uvloop"), ({}, "asyncio")],
    indirect=["service"],
)
async def test_what_never_waits_runs_to_its_end_behind_a_stalled_reader_and_all_is_accounted_for(
    service: Server, options: Json
) -> None:
    with fault_proxy(service.url) as proxy:
        async with raw_peer(service.url) as other, raw_peer(proxy.url) as peer:
            echo = await other.start(programs.echo(), pipeStdin=True)
            await round_trip(echo, 0)
            procfs.forget_peak(service.pid)
            before = procfs.resident_bytes(service.pid)
            process = await peer.start(write_it_all(), overflow="drop", **options)
            proxy.stall()
            pid = process.started["pid"]
            number = 0
            while procfs.is_alive(pid):
                number += 1
                await round_trip(echo, number)
            assert number > 0
            grown = procfs.peak_resident_bytes(service.pid) - before
            assert grown < ALLOWANCE_BYTES + RETAINED_BYTES
            proxy.resume()
            if options:
                await process.grant(ALL_BYTES)
            await peer.until(lambda: process.is_closed, what="the end", deadline_s=60)
            assert process.exit_event is not None
            assert process.exit_event["exitCode"] == 0
            assert len(process.output()) + process.lost_bytes == ALL_BYTES
