"""Many small lines, written by a program that buffers them."""

import hashlib
import time

from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Ability, Subject
from benchmarks.workloads.tool import tool
from benchmarks.workloads.workload import Workload, WrongOutputError, check_exit


class Lines(Workload):
    """`seq`, to the end of its output."""

    name = "lines"
    title = "`seq 1 1000000`"
    needs = frozenset({Ability.OUTPUT})
    metrics = (Metric("time", "ms", "lower"), Metric("rate", "Mlines/s", "higher"))

    def __init__(self) -> None:
        self._expected: dict[int, bytes] = {}

    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        expected = self._hash_of(size.lines)
        connection = await subject.connect()
        try:
            pieces: list[bytes] = []
            begun_s = time.perf_counter()
            exit_code = await connection.run([tool("seq"), "1", str(size.lines)], pieces.append)
            took_s = time.perf_counter() - begun_s
        finally:
            await connection.close()
        check_exit(exit_code)
        if hashlib.sha256(b"".join(pieces)).digest() != expected:
            raise WrongOutputError("the lines are not those that seq has printed")
        return {"time": took_s * 1000, "rate": size.lines / took_s / 1e6}

    def _hash_of(self, lines: int) -> bytes:
        if lines not in self._expected:
            text = b"".join(b"%d\n" % number for number in range(1, lines + 1))
            self._expected[lines] = hashlib.sha256(text).digest()
        return self._expected[lines]
