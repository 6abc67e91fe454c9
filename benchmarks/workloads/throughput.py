"""How fast the output of one process comes, every byte checked."""

import time
from collections.abc import Sequence

from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Ability, Subject
from benchmarks.workloads.pattern import Pattern
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload, check_exit

GIB = 2**30
_LINE = "The quick brown fox jumps over the lazy dog; 0123456789 times, or so they say.\n"


class Throughput(Workload):
    """The output of one process, from its start to the end of output."""

    metrics = (
        Metric("rate", "MB/s", "higher"),
        Metric("server CPU", "s/GiB", "lower"),
        Metric("client CPU", "s/GiB", "lower"),
        Metric("commands CPU", "s/GiB", "lower"),
    )

    def __init__(self, period: bytes) -> None:
        self._period = period

    def argv(self, size_bytes: int) -> Sequence[str]:
        """Return the command that prints so many bytes."""
        raise NotImplementedError

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        streams = Ability.STREAM in subject.abilities
        size_bytes = size.stream_bytes if streams else size.whole_bytes
        pattern = Pattern(self._period)
        connection = await subject.connect()
        try:
            server_before, client_before_s = subject.cpu(), time.process_time()
            begun_s = time.perf_counter()
            exit_code = await connection.run(self.argv(size_bytes), pattern.take)
            took_s = time.perf_counter() - begun_s
            client_s = time.process_time() - client_before_s
            server = subject.cpu().since(server_before)
        finally:
            await connection.close()
        check_exit(exit_code)
        pattern.check_size(size_bytes)
        gib = size_bytes / GIB
        measured = {"rate": size_bytes / took_s / 1e6, "client CPU": client_s / gib}
        if Ability.SERVE in subject.abilities:
            measured |= {
                "server CPU": server.own_s / gib,
                "commands CPU": server.children_s / gib,
            }
        return measured


class Zeros(Throughput):
    """Bytes as a compressor would like them; no less work without one."""

    name = "zeros"
    title = "1 GiB of zeros from one process (`head -c 1G /dev/zero`)"

    def __init__(self) -> None:
        super().__init__(b"\0")

    def argv(self, size_bytes: int) -> Sequence[str]:
        return [tool("head"), "-c", str(size_bytes), "/dev/zero"]


class Text(Throughput):
    """Lines, as programs print them."""

    name = "text"
    title = "1 GiB of text from one process (`yes … | head -c 1G`)"

    def __init__(self) -> None:
        super().__init__(_LINE.encode())

    def argv(self, size_bytes: int) -> Sequence[str]:
        # The shell's status is that of `head`; `yes` ends by SIGPIPE.
        script = f'yes "$0" | head -c {size_bytes}'
        return [tool("sh"), "-c", script, _LINE.rstrip("\n")]
