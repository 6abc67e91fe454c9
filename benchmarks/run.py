"""A run: every workload, in rounds in which the subjects take turns."""

import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from benchmarks import machine
from benchmarks.registry import SUBJECTS
from benchmarks.results import Results, WorkloadResults
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Subject
from benchmarks.workloads.workload import Workload

ROUND_TIMEOUT_S = 120.0
"""For one round of one subject: far more than any needs."""


async def run(subjects: Sequence[str], chosen: Sequence[Workload], size: Size) -> Results:
    """Measure and return what was measured. Servers have ended when it returns."""
    results = Results(machine.facts())
    running = asyncio.current_task()
    assert running is not None
    # As ^C does: servers are ended.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    begun_s, steal_before_s = time.monotonic(), machine.steal_s()
    with ExitStack() as stack:
        started: list[Subject] = []
        for name in subjects:
            subject = SUBJECTS[name]()
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="telexec-bench-"))
            stack.callback(subject.stop)
            try:
                subject.check()
                await subject.start(Path(directory))
            except Exception as error:
                # A peer that cannot be had is named in the table; the others are measured.
                if subject.is_ours:
                    raise
                results.left_out[name] = str(error)
                _say(f"{name} is left out: {error}")
            else:
                started.append(subject)
        for workload in chosen:
            measured = WorkloadResults(workload.title, workload.metrics)
            results.workloads[workload.name] = measured
            await _measure(workload, started, size, measured)
    results.machine |= {
        "loadAfter": machine.facts()["loadBefore"],
        "durationS": round(time.monotonic() - begun_s, 1),
        "stealS": round(machine.steal_s() - steal_before_s, 1),
        "rounds": size.rounds,
        "heavyRounds": size.heavy_rounds,
    }
    return results


async def _measure(
    workload: Workload, started: Sequence[Subject], size: Size, measured: WorkloadResults
) -> None:
    taking_part = [subject for subject in started if workload.takes(subject)]
    # What runs before somebody may cost him something: in each round it is somebody else.
    turns = random.Random(workload.name)
    rounds = size.heavy_rounds if workload.is_heavy else size.rounds
    for number in range(rounds):
        _say(f"{workload.name}, round {number + 1} of {rounds}")
        values_of: dict[str, dict[str, float]] = {}
        for subject in turns.sample(taking_part, len(taking_part)):
            try:
                async with asyncio.timeout(ROUND_TIMEOUT_S):
                    values = await workload.measure(subject, size)
            except Exception as error:  # noqa: BLE001
                # It is named in the table with what went wrong, and the others go on.
                reason = _reason(error)
                measured.failures[subject.name] = reason
                taking_part.remove(subject)
                _say(f"{workload.name}: {subject.name} failed: {reason}")
            else:
                values_of[subject.name] = values
        for subject in taking_part:
            measured.add(subject.name, values_of[subject.name])


def _reason(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return _reason(group.exceptions[0])
    return f"{type(error).__name__}: {error}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
