"""How long a server takes to its first connection, and a command line to its end."""

import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.registry import SUBJECTS
from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Ability, Subject
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload
from telexec_client.cli.percentile import percentile


class StartUp(Workload):
    """From starting the server's process to a connection that takes requests."""

    name = "startup"
    title = "start of a server to its first connection"
    metrics = (Metric("time", "ms", "lower"),)
    needs = frozenset({Ability.SERVE, Ability.RUN})
    # It is the same server.
    without = frozenset({"telexec-binary", "telexec-client"})

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        fresh = SUBJECTS[subject.name]()
        with tempfile.TemporaryDirectory(prefix="telexec-bench-") as directory:
            # What is made only once, such as keys, is there the second time.
            await fresh.start(Path(directory))
            fresh.stop()
            begun_s = time.perf_counter()
            try:
                await fresh.start(Path(directory))
                connection = await fresh.connect()
                took_s = time.perf_counter() - begun_s
                await connection.close()
            finally:
                fresh.stop()
        return {"time": took_s * 1000}


class CommandLine(Workload):
    """A whole program that runs `true` through a server that is there."""

    name = "command"
    title = "`telexec run -- true` (`ssh host true`) as a whole program"
    metrics = (Metric("p50", "ms", "lower"),)
    only = frozenset({"telexec-client", "openssh"})

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        argv = subject.command_line([tool("true")])
        if argv is None:
            raise FileNotFoundError(f"cannot find the command line of {subject.name}")
        times_ms: list[float] = []
        for _ in range(size.commands):
            begun_s = time.perf_counter()
            # Nothing else runs on this loop meanwhile.
            subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)  # noqa: ASYNC221
            times_ms.append((time.perf_counter() - begun_s) * 1000)
        return {"p50": percentile(times_ms, 50)}
