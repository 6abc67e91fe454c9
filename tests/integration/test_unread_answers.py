"""A client that asks and does not take its answers costs bounded memory, and gets all of them."""

import socket
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, decoded, raw_peer
from tests.harness.service import running_service
from tests.integration.test_slow_and_deaf_peers import transport_of

MIB = 1024 * 1024
LOOPS = pytest.mark.parametrize("options", [[], ["--no-uvloop"]], ids=["uvloop", "asyncio"])


async def ask_deaf(peer: RawPeer, method: str, params: dict[str, object], count: int) -> list[int]:
    """Send requests without taking anything that comes."""
    transport_of(peer).pause_reading()
    return [await peer.ask(method, params) for _ in range(count)]


@LOOPS
@pytest.mark.parametrize("max_unsent_bytes", [16 * MIB, 1])
async def test_a_burst_of_reads_of_a_full_log_is_answered_as_far_as_the_answers_are_taken(
    tmp_path: Path, options: list[str], max_unsent_bytes: int
) -> None:
    config = f"[limits]\nmax_unsent_bytes = {max_unsent_bytes}\n"
    with running_service(tmp_path, config=config, options=options) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.tool("head", "-c", "1000000", "/dev/zero"))
            await process.until_closed()
            before = server.resident_bytes()
            params = {"processId": process.process_id}
            asked = await ask_deaf(peer, "process/read", params, 300)
            async with raw_peer(server.url) as other:
                # All that was sent is read by now, or waits in the system's buffers.
                await (await other.start(programs.succeed())).exit_code()
                assert server.resident_bytes() - before < 64 * MIB
            transport_of(peer).resume_reading()
            for request_id in asked:
                assert len(decoded(await peer.answer(request_id))) == 1_000_000
            assert server.resident_bytes() - before < 64 * MIB


@LOOPS
async def test_files_are_read_as_far_as_the_answers_are_taken(
    tmp_path: Path, options: list[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(8 * MIB))
    with running_service(tmp_path, options=options) as server:
        async with raw_peer(server.url) as peer:
            before = server.resident_bytes()
            params: dict[str, object] = {"path": file.as_uri(), "sandbox": None}
            asked = await ask_deaf(peer, "fs/readFile", params, 100)
            async with raw_peer(server.url) as other:
                for _ in range(20):
                    content = await other.request("fs/readFile", params)
                    assert len(content["dataBase64"]) > 8 * MIB
                # Two whole files, what may be unsent, and what a heap keeps of what it had.
                assert server.resident_bytes() - before < 128 * MIB
            transport_of(peer).resume_reading()
            for request_id in asked:
                assert len((await peer.answer(request_id))["dataBase64"]) > 8 * MIB


@LOOPS
async def test_a_reader_that_stops_costs_no_more_than_its_logs_in_either_dialect(
    tmp_path: Path, options: list[str]
) -> None:
    with running_service(tmp_path, options=options) as server:
        for extensions in (False, True):
            async with raw_peer(server.url, extensions=extensions) as peer:
                before = server.resident_bytes()
                transport_of(peer).pause_reading()
                for number in range(4):
                    await peer.ask(
                        "process/start",
                        {
                            "processId": f"flood {number}",
                            "argv": programs.tool("cat", "/dev/zero"),
                            "cwd": "file:///",
                            "env": {},
                            "tty": False,
                        },
                    )
                await eventually(lambda: len(server.children()) >= 4, what="the floods")
                async with raw_peer(server.url) as other:
                    whole = await other.start(programs.numbered_lines(1, 300_000))
                    assert await whole.exit_code() == 0
                assert server.resident_bytes() - before < 32 * MIB
                transport_of(peer).resume_reading()
                for number in range(4):
                    await peer.process(f"flood {number}").terminate()


@LOOPS
async def test_output_waits_in_the_service_and_not_by_megabytes_in_the_kernel(
    tmp_path: Path, options: list[str]
) -> None:
    with running_service(tmp_path, options=options) as server:
        async with raw_peer(server.url, extensions=False) as peer:
            transport = transport_of(peer)
            own: socket.socket = transport.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            for number in range(4):
                await peer.start(programs.tool("cat", "/dev/zero"), processId=f"flood {number}")
            transport.pause_reading()
            port = own.getsockname()[1]
            # What is asked now is read behind what was written until then.
            async with raw_peer(server.url) as other:
                whole = await other.start(programs.numbered_lines(1, 300_000))
                assert await whole.exit_code() == 0
            assert 0 < kernel_queue_bytes(port) < 1.5 * MIB
            transport.resume_reading()
            for number in range(4):
                await peer.process(f"flood {number}").terminate()


def kernel_queue_bytes(port: int) -> int:
    """Return how much waits in the kernel to be sent to a port of this host (proc(5))."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    (size,) = [row[4].split(":")[0] for row in rows if row[2].endswith(f":{port:04X}")]
    return int(size, 16)
