"""How fast the output of one process comes, every byte checked."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cache import cache_directory
from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Ability, Subject
from benchmarks.workloads.pattern import Pattern
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload, check_exit

GIB = 2**30
_LINE = b"The quick brown fox jumps over the lazy dog, 0123456789 times!!\n"
_FILE_BYTES = 32 * 2**20
"""What `cat` reads over and over, so that neither disk nor memory matters."""


class Throughput(Workload):
    """The output of one process, from its start to the end of output."""

    needs = frozenset({Ability.OUTPUT})
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
    """Lines, as programs print them, at the pace of a program that has nothing else to do."""

    name = "text"
    title = "1 GiB of text from one process (`cat` of a file of 32 MiB, over and over)"

    def __init__(self) -> None:
        super().__init__(_LINE)

    def argv(self, size_bytes: int) -> Sequence[str]:
        file_bytes = min(size_bytes, _FILE_BYTES)
        if size_bytes % file_bytes or file_bytes % len(_LINE):
            raise ValueError(f"cannot print {size_bytes} bytes: they are no whole files or lines")
        path = _file_of_lines(file_bytes)
        return [tool("cat"), *[str(path)] * (size_bytes // file_bytes)]


def _file_of_lines(size_bytes: int) -> Path:
    """Return a file of so many bytes, made when it is first needed."""
    path = cache_directory() / f"lines-{size_bytes}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(_LINE * (size_bytes // len(_LINE)))
        unfinished.replace(path)
    return path
