"""Every workload, at a size that takes no time, on telexec and on the floor."""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from benchmarks.registry import SUBJECTS
from benchmarks.results import Results
from benchmarks.run import run
from benchmarks.sizes import QUICK
from benchmarks.subjects.codex import Codex
from benchmarks.subjects.subject import Ability, Connection, Running, Subject, Take
from benchmarks.workload_list import workloads
from benchmarks.workloads.ticker import MissingCompilerError, ticker
from benchmarks.workloads.workload import Workload
from tests.harness.required import skip_unless_required

TINY = dataclasses.replace(
    QUICK,
    rounds=1,
    execs=3,
    concurrent_execs=8,
    stream_bytes=300_032,
    whole_bytes=100_032,
    lines=1000,
    echoes=3,
    fan_out=(2, 3),
    ticks=20,
    idle_connections=5,
    sleepers=3,
    idle_s=0.05,
    commands=1,
    sessions=4,
    finished_processes=8,
    ballast_mib=1,
)
OURS = ("telexec", "telexec-binary", "telexec-client", "floor", "relay", "websocket")


def measured_run(subjects: Sequence[str], workload: Workload) -> Results:
    """Measure on the loop on which benchmarks run."""
    return uvloop.run(run(subjects, [workload], TINY))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the benchmarks find and leave nothing in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_subjects_take_turns_in_as_many_rounds_as_are_asked_for() -> None:
    size = dataclasses.replace(TINY, rounds=3)
    results = uvloop.run(run(["telexec", "floor"], [workloads()["exec"]], size))
    values = results.workloads["exec"].values["p50"]
    assert {name: len(each) for name, each in values.items()} == {"telexec": 3, "floor": 3}


@pytest.mark.parametrize("workload", workloads().values(), ids=lambda workload: workload.name)
def test_every_workload_measures_each_metric_of_whom_it_takes(workload: Workload) -> None:
    if workload.name.startswith("fanout"):
        try:
            ticker()
        except MissingCompilerError as error:
            skip_unless_required(str(error))
    results = measured_run(OURS, workload)
    measured = results.workloads[workload.name]
    assert measured.failures == {}
    taking_part = [name for name in OURS if workload.takes(SUBJECTS[name]())]
    assert measured.subjects() == taking_part
    for metric in workload.metrics:
        values = measured.values[metric.name]
        assert "telexec" in values or "telexec-client" in values
        assert {len(each) for each in values.values()} == {1}


def test_who_is_not_there_is_left_out_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CODEX", "/no/such/program")
    results = measured_run(["codex", "floor"], workloads()["exec"])
    assert "cannot find the Codex CLI" in results.left_out["codex"]
    assert results.workloads["exec"].subjects() == ["floor"]


def test_a_subject_that_loses_output_is_named_with_what_it_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Loser(Subject):
        name = "loser"
        about = "it says that it has run what it was asked to"
        abilities = frozenset({Ability.OUTPUT, Ability.STREAM})

        def check(self) -> None: ...

        async def start(self, directory: Path) -> None: ...

        def stop(self) -> None: ...

        async def connect(self) -> Connection:
            return LosingConnection()

    class LosingConnection(Connection):
        async def start(self, argv: Sequence[str], take: Take, *, stdin: bool = False) -> Running:
            raise NotImplementedError

        async def run(self, argv: Sequence[str], take: Take) -> int:
            take(bytes(300_000))
            return 0

        async def close(self) -> None: ...

    monkeypatch.setitem(SUBJECTS, "loser", Loser)
    results = measured_run(["loser", "floor"], workloads()["zeros"])
    measured = results.workloads["zeros"]
    assert "300000 bytes came of 300032" in measured.failures["loser"]
    assert measured.subjects() == ["floor"]


@pytest_asyncio.fixture
async def codex_connection(codex: Path, tmp_path: Path) -> AsyncIterator[Connection]:
    """Return a connection of the load generator to Codex."""
    subject = Codex()
    await subject.start(tmp_path)
    try:
        connection = await subject.connect()
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        subject.stop()


@pytest.mark.codex
async def test_the_load_generator_speaks_to_codex_as_to_telexec(
    codex_connection: Connection,
) -> None:
    pieces: list[bytes] = []
    assert await codex_connection.run(["/bin/sh", "-c", "printf out; exit 3"], pieces.append) == 3
    assert b"".join(pieces) == b"out"
