"""Whether a client that starts many commands at once holds up the others."""

import asyncio

from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Ability, Connection, Subject, drop
from benchmarks.workloads.echo import echo_times_ms
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload, check_exit
from telexec_client.cli.percentile import percentile

AT_ONCE = 200


class Storm(Workload):
    """Echo while another client starts commands as fast as they end."""

    name = "storm"
    title = f"echo through `cat` while another client has {AT_ONCE} `true` done at a time"
    metrics = (Metric("p50", "ms", "lower"), Metric("p99", "ms", "lower"))
    needs = frozenset({Ability.RUN, Ability.STREAM, Ability.STDIN, Ability.SERVE})

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        connection, busy = await subject.connect(), await subject.connect()
        try:
            async with asyncio.TaskGroup() as tasks:
                over = asyncio.Event()
                for _ in range(AT_ONCE):
                    tasks.create_task(_start_until(over, busy), name="storm")
                try:
                    times_ms = await echo_times_ms(connection, size.echoes_in_storm)
                finally:
                    over.set()
        finally:
            await connection.close()
            await busy.close()
        return {"p50": percentile(times_ms, 50), "p99": percentile(times_ms, 99)}


async def _start_until(over: asyncio.Event, connection: Connection) -> None:
    # To the end of the last one: a peer that kills by number what is left may hit another's.
    while not over.is_set():
        check_exit(await connection.run([tool("true")], drop))
