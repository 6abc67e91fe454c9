"""All that is measured, in the order of the tables."""

from collections.abc import Mapping

from benchmarks.workloads.echo import Echo
from benchmarks.workloads.exec_latency import ExecLatency
from benchmarks.workloads.exec_rate import ExecRate
from benchmarks.workloads.fairness import Fairness
from benchmarks.workloads.fan_out import FanOut
from benchmarks.workloads.flatness import Ballast, Flatness
from benchmarks.workloads.idle import Idle
from benchmarks.workloads.lines import Lines
from benchmarks.workloads.startup import CommandLine, StartUp
from benchmarks.workloads.storm import Storm
from benchmarks.workloads.throughput import Text, Zeros
from benchmarks.workloads.workload import Workload


def workloads() -> Mapping[str, Workload]:
    """Return every workload by its name."""
    everything: tuple[Workload, ...] = (
        ExecLatency(),
        ExecRate(),
        Zeros(),
        Text(),
        Lines(),
        Echo(),
        FanOut(0, 50),
        FanOut(1, 200),
        Idle(),
        StartUp(),
        CommandLine(),
        Flatness(),
        Ballast(),
        Fairness(),
        Storm(),
    )
    return {workload.name: workload for workload in everything}
