"""Whether a process that floods a connection holds up the others on it."""

from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Ability, Subject, drop
from benchmarks.workloads.echo import echo_times_ms
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload
from telexec_client.cli.percentile import percentile


class Fairness(Workload):
    """Echo alone, and beside a flood on the same connection that is read as fast as it comes."""

    name = "fairness"
    title = "echo through `cat` beside `cat /dev/zero` on the same connection"
    metrics = (
        Metric("alone p50", "ms", "lower"),
        Metric("alone p99", "ms", "lower"),
        Metric("beside p50", "ms", "lower"),
        Metric("beside p99", "ms", "lower"),
        Metric("p99 beside / alone", "x", "lower"),
    )
    needs = frozenset({Ability.RUN, Ability.STREAM, Ability.STDIN, Ability.SERVE})

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        connection = await subject.connect()
        try:
            alone_ms = await echo_times_ms(connection, size.echoes)
            flood = await connection.start([tool("cat"), "/dev/zero"], drop)
            try:
                beside_ms = await echo_times_ms(connection, size.echoes)
            finally:
                await flood.stop()
        finally:
            await connection.close()
        alone_p99_ms, beside_p99_ms = percentile(alone_ms, 99), percentile(beside_ms, 99)
        return {
            "alone p50": percentile(alone_ms, 50),
            "alone p99": alone_p99_ms,
            "beside p50": percentile(beside_ms, 50),
            "beside p99": beside_p99_ms,
            "p99 beside / alone": beside_p99_ms / alone_p99_ms,
        }
