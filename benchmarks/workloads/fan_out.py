"""Many processes that each print a little, each on a connection of its own."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Ability, Connection, Running, Subject
from benchmarks.workloads.concurrency import repeat
from benchmarks.workloads.ticker import PERIOD_MS, gate, ticker
from benchmarks.workloads.workload import Workload, WrongOutputError, check_exit
from telexec_client.cli.percentile import percentile

_CONNECTING_AT_ONCE = 16


class Arrivals:
    """What came from one process, and when."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []

    def take(self, data: bytes) -> None:
        """Remember it: what takes longer is done when all have come."""
        self._pieces.append((time.monotonic_ns(), data))

    def lines(self) -> list[tuple[int, int]]:
        """Return when each line was written and when it had come, in ns."""
        lines: list[tuple[int, int]] = []
        rest = b""
        for came_at, data in self._pieces:
            *whole, rest = (rest + data).split(b"\n")
            lines += [(int(line), came_at) for line in whole]
        return lines


class FanOut(Workload):
    """The delay of lines while so many processes print one each 10 ms."""

    needs = frozenset({Ability.RUN, Ability.STREAM})
    metrics = (
        Metric("p50", "ms", "lower"),
        Metric("p99", "ms", "lower"),
        Metric("start", "s", "lower"),
        Metric("server CPU", "s", "lower"),
        Metric("client CPU", "s", "lower"),
    )

    def __init__(self, place: int, of: int) -> None:
        self.name = f"fanout{of}"
        self.title = (
            f"{of} connections, a process each, a line every {PERIOD_MS} ms: delay until delivered"
        )
        self._place = place

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        count = size.fan_out[self._place]
        connections: list[Connection] = []

        async def connect(_: int) -> None:
            connections.append(await subject.connect())

        with gate() as (path, open_gate):
            argv = [ticker(), str(PERIOD_MS), str(size.ticks), path]
            try:
                await repeat(connect, count, at_once=min(count, _CONNECTING_AT_ONCE))
                arrivals = [Arrivals() for _ in connections]
                begun_s = time.perf_counter()
                running = await _start_all(connections, argv, arrivals)
                start_s = time.perf_counter() - begun_s
                server_before, client_before_s = subject.cpu(), time.process_time()
                open_gate()
                for process in running:
                    check_exit(await process.ended())
                client_s = time.process_time() - client_before_s
                server = subject.cpu().since(server_before)
            finally:
                # Those that still wait at the gate would wait for good.
                open_gate()
                for connection in connections:
                    await connection.close()
        lines = [line for arrival in arrivals for line in arrival.lines()]
        if len(lines) != count * size.ticks:
            raise WrongOutputError(f"{len(lines)} lines came of {count * size.ticks}")
        delays_ms = [(came_at - written_at) / 1e6 for written_at, came_at in lines]
        measured = {
            "p50": percentile(delays_ms, 50),
            "p99": percentile(delays_ms, 99),
            "start": start_s,
            "client CPU": client_s,
        }
        if Ability.SERVE in subject.abilities:
            measured["server CPU"] = server.own_s
        return measured


async def _start_all(
    connections: Sequence[Connection], argv: Sequence[str], arrivals: Sequence[Arrivals]
) -> list[Running]:
    async with asyncio.TaskGroup() as tasks:
        starts = [
            tasks.create_task(connection.start(argv, arrival.take), name="start")
            for connection, arrival in zip(connections, arrivals, strict=True)
        ]
    return [start.result() for start in starts]
