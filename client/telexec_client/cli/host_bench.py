"""Measuring a host: what `telexec bench` does."""

import asyncio
import time

import msgspec

from telexec_client import Client, Process, TelexecError, connect
from telexec_client.cli.bench_report import BenchResult, bench_json, bench_text
from telexec_client.cli.errors import CommandError
from telexec_client.cli.failures import exit_code_of
from telexec_client.cli.message import say
from telexec_client.cli.own_output import print_text, terminal_width
from telexec_client.cli.request import Target

_TRUE = ("true",)
_CAT = ("cat",)
_LINE = b"x" * 31 + b"\n"


class BenchSize(msgspec.Struct, frozen=True):
    """How much is measured: each kind of work until its time or its amount is reached."""

    exec_s: float = 2.5
    execs: int = 1000
    at_once: tuple[int, ...] = (8, 32)
    rate_s: float = 1.5
    rate_execs: int = 5000
    output_s: float = 2.5
    output_bytes: int = 1024**3
    echo_s: float = 1.5
    echoes: int = 1000
    max_duration_s: float = 15.0
    """Of all of it, on a host that does not even finish one of something."""

    @property
    def output_argv(self) -> tuple[str, ...]:
        """What prints the output."""
        return ("head", "-c", str(self.output_bytes), "/dev/zero")


class HostTooSlowError(CommandError):
    """A host has not done in the time there is what takes a moment."""

    def __init__(self, duration_s: float) -> None:
        super().__init__(
            f"cannot measure: the host has not finished within {duration_s:g} s; see what it is "
            "busy with"
        )


class CatEndedError(CommandError):
    """The process to echo through has ended."""

    def __init__(self) -> None:
        super().__init__("cannot measure the echo: `cat` has ended on the host")


def bench_there(target: Target, *, as_json: bool) -> int:
    """Measure a host, print what was measured and return the exit code."""
    return asyncio.run(_bench(target, as_json=as_json))


async def _bench(target: Target, *, as_json: bool) -> int:
    size = BenchSize()
    say(
        f"measuring {target.url or 'this machine, in an embedded host,'} for about 10 s: runs "
        f"`true` some thousand times, up to {max(size.at_once)} at once, then "
        f"`{' '.join(size.output_argv)}` and `cat`; nothing is left there"
    )
    try:
        begun_s = time.perf_counter()
        async with connect(
            target.url, token_file=target.token_file, ca_file=target.ca_file
        ) as client:
            connect_s = time.perf_counter() - begun_s
            result = await measure_host(client, size, connect_s=connect_s)
    except (TelexecError, CommandError) as error:
        say(error)
        return exit_code_of(error)
    return await print_text(
        bench_json(result) if as_json else bench_text(result, width=terminal_width())
    )


async def measure_host(client: Client, size: BenchSize, *, connect_s: float) -> BenchResult:
    """Measure a host; nothing that was started there goes on after that.

    Raises:
        HostTooSlowError: `max_duration_s` was not enough.
        CommandError: The host does not do what it is asked.
        TelexecError: See `Client.run`.
    """
    try:
        async with asyncio.timeout(size.max_duration_s):
            # The first one makes both sides load what they need for any.
            await client.run(_TRUE, check=True)
            begun_s = time.perf_counter()
            exec_s = await _exec_times_s(client, size)
            rates = {1: len(exec_s) / (time.perf_counter() - begun_s)}
            for at_once in size.at_once:
                rates[at_once] = await _execs_per_s(client, size, at_once)
            output_bytes, output_s = await _output(client, size)
            echo_s = await _echo_times_s(client, size)
    except TimeoutError as error:
        raise HostTooSlowError(size.max_duration_s) from error
    return BenchResult(connect_s, exec_s, rates, output_bytes, output_s, echo_s)


async def _exec_times_s(client: Client, size: BenchSize) -> list[float]:
    times_s: list[float] = []
    budget = _Budget(size.exec_s, size.execs)
    while budget.has_more():
        begun_s = time.perf_counter()
        await client.run(_TRUE, check=True)
        times_s.append(time.perf_counter() - begun_s)
    return times_s


async def _execs_per_s(client: Client, size: BenchSize, at_once: int) -> float:
    budget = _Budget(size.rate_s, size.rate_execs)

    async def work() -> None:
        while budget.has_more():
            await client.run(_TRUE, check=True)

    begun_s = time.perf_counter()
    async with asyncio.TaskGroup() as workers:
        for _ in range(at_once):
            workers.create_task(work(), name="bench worker")
    return budget.taken / (time.perf_counter() - begun_s)


async def _output(client: Client, size: BenchSize) -> tuple[int, float]:
    """Return how many bytes came of one process, and in how many seconds."""
    taken_bytes = 0
    begun_s = time.perf_counter()
    async with client.start(size.output_argv) as process:
        async for data in process.stdout:
            taken_bytes += len(data)
            if time.perf_counter() - begun_s >= size.output_s:
                break
        took_s = time.perf_counter() - begun_s
    return taken_bytes, took_s


async def _echo_times_s(client: Client, size: BenchSize) -> list[float]:
    times_s: list[float] = []
    budget = _Budget(size.echo_s, size.echoes)
    async with client.start(_CAT, stdin=True) as process:
        while budget.has_more():
            begun_s = time.perf_counter()
            await process.write(_LINE)
            await _read_line(process)
            times_s.append(time.perf_counter() - begun_s)
    return times_s


async def _read_line(process: Process) -> None:
    missing_bytes = len(_LINE)
    while missing_bytes:
        data = await process.stdout.read()
        if not data:
            raise CatEndedError
        missing_bytes -= len(data)


class _Budget:
    """How often something is done: at least once, and until the time or the number is used up."""

    def __init__(self, duration_s: float, count: int) -> None:
        self._ends_at_s = time.perf_counter() + duration_s
        self._count = count
        self.taken = 0

    def has_more(self) -> bool:
        """Take one, if there is one left."""
        if self.taken and (self.taken >= self._count or time.perf_counter() >= self._ends_at_s):
            return False
        self.taken += 1
        return True
