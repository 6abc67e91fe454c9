"""What connections and processes cost that do nothing."""

import asyncio
import tempfile
from pathlib import Path

from benchmarks.registry import SUBJECTS
from benchmarks.results import Metric
from benchmarks.sizes import MIB, Size
from benchmarks.subjects.subject import Ability, Connection, Running, Subject, drop
from benchmarks.workloads.concurrency import repeat
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload

_AT_ONCE = 16
_SLEEP_S = "600"


class Idle(Workload):
    """Memory and CPU of a new server with sleeping processes, and then idle connections too."""

    name = "idle"
    title = "200 sleeping processes on one connection, and 1,000 idle connections (OpenSSH: 100)"
    metrics = (
        Metric("empty", "MiB", "lower"),
        Metric("a connection", "KiB", "lower"),
        Metric("CPU of all", "%", "lower"),
        Metric("a process", "KiB", "lower"),
    )
    needs = frozenset({Ability.RUN, Ability.STREAM, Ability.SERVE})
    # Its connections are those of the load generator to the service.
    without = frozenset({"telexec-binary", "telexec-client"})
    is_heavy = True

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        fresh = SUBJECTS[subject.name]()
        with tempfile.TemporaryDirectory(prefix="telexec-bench-") as directory:
            await fresh.start(Path(directory))
            try:
                return await self._measure(fresh, size)
            finally:
                fresh.stop()

    async def _measure(self, subject: Subject, size: Size) -> dict[str, float]:
        # The first connection makes the server load what it needs for any.
        first = await subject.connect()
        running: list[Running] = []
        try:
            empty_bytes = subject.memory_bytes()
            measured = {"empty": empty_bytes / MIB}

            async def start(_: int) -> None:
                running.append(await first.start([tool("sleep"), _SLEEP_S], drop))

            await repeat(start, size.sleepers, at_once=_AT_ONCE)
            grown_bytes = subject.memory_bytes() - empty_bytes
            measured["a process"] = grown_bytes / size.sleepers / 1024
            # They stay: memory that they gave back would be used again, and not be counted.
            measured |= await self._connections(subject, size)
        finally:
            for process in running:
                await process.stop()
            await first.close()
        return measured

    async def _connections(self, subject: Subject, size: Size) -> dict[str, float]:
        count = min(size.idle_connections, subject.idle_connections)
        before_bytes = subject.memory_bytes()
        connections: list[Connection] = []

        async def connect(_: int) -> None:
            connections.append(await subject.connect())

        try:
            await repeat(connect, count, at_once=_AT_ONCE)
            grown_bytes = subject.memory_bytes() - before_bytes
            before = subject.cpu()
            await asyncio.sleep(size.idle_s)
            used = subject.cpu().since(before)
        finally:
            for connection in connections:
                await connection.close()
        return {
            "a connection": grown_bytes / count / 1024,
            "CPU of all": used.own_s / size.idle_s * 100,
        }
