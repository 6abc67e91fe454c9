"""How long one command takes, one after the other on a warm connection."""

import time

from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Connection, Subject, drop
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload, check_exit
from telexec_client.cli.percentile import percentile

_WARM_UP = 10


async def exec_times_ms(connection: Connection, count: int) -> list[float]:
    """Return how long each of so many runs of `true` took, to exit code and end of output."""
    argv = [tool("true")]
    times_ms: list[float] = []
    for number in range(_WARM_UP + count):
        begun_s = time.perf_counter()
        exit_code = await connection.run(argv, drop)
        took_s = time.perf_counter() - begun_s
        check_exit(exit_code)
        if number >= _WARM_UP:
            times_ms.append(took_s * 1000)
    return times_ms


class ExecLatency(Workload):
    """`true`, to its exit code and the end of its output."""

    name = "exec"
    title = "`true` end to end, one after the other on a warm connection"
    metrics = (
        Metric("p50", "ms", "lower"),
        Metric("p90", "ms", "lower"),
        Metric("p99", "ms", "lower"),
        Metric("server CPU", "ms/exec", "lower"),
    )

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        connection = await subject.connect()
        try:
            before = subject.cpu()
            times_ms = await exec_times_ms(connection, size.execs)
            cpu = subject.cpu().since(before)
        finally:
            await connection.close()
        return {
            "p50": percentile(times_ms, 50),
            "p90": percentile(times_ms, 90),
            "p99": percentile(times_ms, 99),
            "server CPU": cpu.own_s * 1000 / (size.execs + _WARM_UP),
        }
