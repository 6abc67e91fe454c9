"""How many commands a second, so many at the same time on one connection."""

import time

from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Subject, drop
from benchmarks.workloads.concurrency import repeat
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload, check_exit

CONCURRENCY = (1, 8, 32)


class ExecRate(Workload):
    """`true` at several concurrencies."""

    name = "rate"
    title = "`true` per second, at a concurrency of 1, 8 and 32 on one connection"
    metrics = tuple(Metric(f"c={at_once}", "/s", "higher") for at_once in CONCURRENCY)

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        argv = [tool("true")]
        connection = await subject.connect()

        async def run(_: int) -> None:
            check_exit(await connection.run(argv, drop))

        measured: dict[str, float] = {}
        try:
            for at_once in CONCURRENCY:
                await repeat(run, at_once, at_once=at_once)
                begun_s = time.perf_counter()
                await repeat(run, size.concurrent_execs, at_once=at_once)
                took_s = time.perf_counter() - begun_s
                measured[f"c={at_once}"] = size.concurrent_execs / took_s
        finally:
            await connection.close()
        return measured
