"""Whether a command takes longer on a service that has much behind it."""

import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Connection, Subject, drop
from benchmarks.subjects.telexec import TelexecLean
from benchmarks.workloads.concurrency import repeat
from benchmarks.workloads.exec_latency import exec_times_ms
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload, check_exit
from telexec_client.cli.percentile import percentile

_AT_ONCE = 16
_TURNS = 4
_FORGET_NOTHING = "[sessions]\nfinished_s = 3600.0\n"


class Flatness(Workload):
    """Exec latency fresh, and behind many sessions and finished processes, in turns."""

    name = "flatness"
    title = "`true` on a fresh service, and behind 1,000 sessions and 10,000 finished processes"
    metrics = (
        Metric("fresh p50", "ms", "lower"),
        Metric("laden p50", "ms", "lower"),
        Metric("laden / fresh", "x", "lower"),
    )
    only = frozenset({"telexec"})
    is_heavy = True

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        async with AsyncExitStack() as stack:
            fresh = await _connected(stack, TelexecLean(_FORGET_NOTHING))
            laden_service = TelexecLean(_FORGET_NOTHING)
            laden = await _connected(stack, laden_service)
            await _lade(stack, laden_service, size)
            fresh_ms, laden_ms = await _p50s_in_turns((fresh, laden), size)
        return {
            "fresh p50": fresh_ms,
            "laden p50": laden_ms,
            "laden / fresh": laden_ms / fresh_ms,
        }


class Ballast(Workload):
    """Exec latency of a service that holds much memory, and of one that does not, in turns."""

    name = "ballast"
    title = "`true` on a service with 1 GiB resident"
    metrics = (
        Metric("lean p50", "ms", "lower"),
        Metric("laden p50", "ms", "lower"),
        Metric("laden / lean", "x", "lower"),
    )
    only = frozenset({"telexec"})
    is_heavy = True

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        # The real service in an interpreter that holds memory besides: no hook in the product.
        program = (
            "import sys\n"
            f"ballast = bytearray(b'x') * ({size.ballast_mib} << 20)\n"
            "from telexec_service.entry import main\n"
            "sys.argv[0] = 'telexec-service'\n"
            "main()"
        )
        async with AsyncExitStack() as stack:
            lean = await _connected(stack, TelexecLean())
            laden = await _connected(stack, TelexecLean(start_with=("-c", program)))
            lean_ms, laden_ms = await _p50s_in_turns((lean, laden), size)
        return {"lean p50": lean_ms, "laden p50": laden_ms, "laden / lean": laden_ms / lean_ms}


async def _connected(stack: AsyncExitStack, service: TelexecLean) -> Connection:
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="telexec-bench-"))
    await service.start(Path(directory))
    stack.callback(service.stop)
    connection = await service.connect()
    stack.push_async_callback(connection.close)
    return connection


async def _p50s_in_turns(connections: Sequence[Connection], size: Size) -> list[float]:
    times_ms: list[list[float]] = [[] for _ in connections]
    for _ in range(_TURNS):
        for connection, so_far in zip(connections, times_ms, strict=True):
            so_far.extend(await exec_times_ms(connection, size.execs))
    return [percentile(each, 50) for each in times_ms]


async def _lade(stack: AsyncExitStack, service: TelexecLean, size: Size) -> None:
    argv = [tool("true")]
    each = size.finished_processes // size.sessions

    async def use_a_session(_: int) -> None:
        connection = await service.connect()
        stack.push_async_callback(connection.close)
        for _ in range(each):
            check_exit(await connection.run(argv, drop))

    await repeat(use_a_session, size.sessions, at_once=_AT_ONCE)
