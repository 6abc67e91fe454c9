"""How long a line takes to a running process and back."""

import asyncio
import time

from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Ability, Connection, Subject
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload
from telexec_client.cli.percentile import percentile

_LINE = b"x" * 31 + b"\n"
_WARM_UP = 10


async def echo_times_ms(connection: Connection, count: int) -> list[float]:
    """Return how long each of so many lines took through one `cat`."""
    loop = asyncio.get_running_loop()
    back: asyncio.Future[None] = loop.create_future()

    def take(data: bytes) -> None:
        if data.endswith(b"\n") and not back.done():
            back.set_result(None)

    running = await connection.start([tool("cat")], take, stdin=True)
    times_ms: list[float] = []
    try:
        for number in range(_WARM_UP + count):
            back = loop.create_future()
            begun_s = time.perf_counter()
            await running.write(_LINE)
            await back
            took_s = time.perf_counter() - begun_s
            if number >= _WARM_UP:
                times_ms.append(took_s * 1000)
    finally:
        await running.stop()
    return times_ms


class Echo(Workload):
    """A line through `cat`."""

    name = "echo"
    title = "echo of one line through `cat`"
    metrics = (Metric("p50", "ms", "lower"), Metric("p99", "ms", "lower"))
    needs = frozenset({Ability.STREAM, Ability.STDIN})

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        connection = await subject.connect()
        try:
            times_ms = await echo_times_ms(connection, size.echoes)
        finally:
            await connection.close()
        return {"p50": percentile(times_ms, 50), "p99": percentile(times_ms, 99)}
