"""What telexec must reach, and whether a run has: pure."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.results import Results


@dataclass(frozen=True, slots=True)
class Target:
    """A bound for a metric of a subject, or for its ratio to that of another subject."""

    workload: str
    metric: str
    subject: str
    bound: float
    is_at_most: bool
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run says of a target; `value` is `None` where it was not measured."""

    target: Target
    value: float | None

    @property
    def outcome(self) -> Literal["pass", "FAIL", "-"]:
        """Whether the target is reached."""
        if self.value is None:
            return "-"
        if self.target.is_at_most:
            return "pass" if self.value <= self.target.bound else "FAIL"
        return "pass" if self.value >= self.target.bound else "FAIL"


def at_most(
    workload: str, metric: str, subject: str, bound: float, base: str | None = None
) -> Target:
    """Return a target that a smaller value reaches."""
    return Target(workload, metric, subject, bound, is_at_most=True, base=base)


def at_least(
    workload: str, metric: str, subject: str, bound: float, base: str | None = None
) -> Target:
    """Return a target that a larger value reaches."""
    return Target(workload, metric, subject, bound, is_at_most=False, base=base)


OURS, BINARY, CLIENT = "telexec", "telexec-binary", "telexec-client"
_LATENCIES = (("exec", "p50"), ("lines", "time"), ("echo", "p50"))
_RATES = (("rate", "c=1"), ("rate", "c=8"), ("rate", "c=32"), ("zeros", "rate"), ("text", "rate"))

TARGETS = (
    at_most("exec", "p50", OURS, 1.5, "floor"),
    at_most("exec", "p50", OURS, 0.6, "swerex"),
    at_most("exec", "p50", OURS, 0.25, "codex"),
    at_least("rate", "c=8", OURS, 0.8, "floor"),
    at_least("rate", "c=8", OURS, 2.2, "openssh"),
    at_least("rate", "c=8", OURS, 4, "codex"),
    at_least("rate", "c=32", OURS, 0.8, "floor"),
    at_least("rate", "c=32", OURS, 2.2, "openssh"),
    at_least("rate", "c=32", OURS, 4, "codex"),
    at_least("zeros", "rate", OURS, 2.2, "codex"),
    at_most("zeros", "server CPU", OURS, 0.35, "codex"),
    at_least("text", "rate", OURS, 2.2, "codex"),
    at_most("text", "server CPU", OURS, 0.35, "codex"),
    at_least("zeros", "rate", BINARY, 3.5, "codex"),
    at_least("zeros", "rate", BINARY, 2.5, "openssh"),
    at_most("zeros", "server CPU", BINARY, 0.2, "codex"),
    at_least("text", "rate", BINARY, 3.5, "codex"),
    at_least("text", "rate", BINARY, 2.5, "openssh"),
    at_most("text", "server CPU", BINARY, 0.2, "codex"),
    *(at_least(workload, "rate", BINARY, 0.9, "relay") for workload in ("zeros", "text")),
    at_least("lines", "rate", OURS, 1.8, "codex"),
    at_most("echo", "p50", OURS, 1.0, "codex"),
    at_most("fanout200", "p99", OURS, 1.0, "codex"),
    at_most("fanout200", "server CPU", OURS, 1.0, "codex"),
    at_most("idle", "a connection", OURS, 25),
    at_most("idle", "CPU of all", OURS, 0.5),
    at_most("startup", "time", OURS, 200),
    at_most("command", "p50", CLIENT, 150),
    at_most("flatness", "laden / fresh", OURS, 1.2),
    at_most("ballast", "laden / lean", OURS, 1.2),
    at_most("fairness", "p99 beside / alone", CLIENT, 3),
    *(at_most(workload, metric, CLIENT, 1.25, BINARY) for workload, metric in _LATENCIES),
    *(at_least(workload, metric, CLIENT, 0.8, BINARY) for workload, metric in _RATES),
)
"""The client library is held against the load generator that speaks the same dialect."""


def verdicts(results: Results) -> list[Verdict]:
    """Return what a run says of the targets whose workloads it has measured."""
    found: list[Verdict] = []
    for target in TARGETS:
        workload = results.workloads.get(target.workload)
        if workload is None:
            continue
        if target.base is None:
            value = workload.median(target.metric, target.subject)
        else:
            value = workload.ratio(target.metric, target.subject, target.base)
        found.append(Verdict(target, value))
    return found
