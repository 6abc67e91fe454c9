"""What a run has measured, and how it is kept in a file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.spread import ratio, spread

FORMAT = 1
"""Of the file; another number is another format."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that a workload gives for a subject; `name` is unique in the workload."""

    name: str
    unit: str
    better: Literal["lower", "higher"]


@dataclass(slots=True)
class WorkloadResults:
    """What one workload gave: for each metric and subject, a value for each round."""

    title: str
    metrics: Sequence[Metric]
    values: dict[str, dict[str, list[float]]] = field(
        default_factory=dict[str, dict[str, list[float]]]
    )
    failures: dict[str, str] = field(default_factory=dict[str, str])
    """Why a subject has no values, or no more of them."""

    def add(self, subject: str, measured: Mapping[str, float]) -> None:
        """Take the values of one round."""
        for name, value in measured.items():
            self.values.setdefault(name, {}).setdefault(subject, []).append(value)

    def subjects(self) -> list[str]:
        """Return who has values, in the order they were measured first."""
        return list(dict.fromkeys(name for row in self.values.values() for name in row))

    def median(self, metric: str, subject: str) -> float | None:
        """Return the median over the rounds; `None`: it was not measured."""
        values = self.values.get(metric, {}).get(subject)
        return spread(values).median if values else None

    def ratio(self, metric: str, subject: str, base: str) -> float | None:
        """Return the median of same-round ratios; `None`: one of both was not measured."""
        row = self.values.get(metric, {})
        return ratio(row.get(subject, []), row.get(base, []))


@dataclass(slots=True)
class Results:
    """A whole run."""

    machine: dict[str, Any]
    workloads: dict[str, WorkloadResults] = field(default_factory=dict[str, WorkloadResults])
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    """Subjects that could not be had, and why."""

    def save(self, path: Path) -> None:
        """Write the run as JSON."""
        content = {
            "format": FORMAT,
            "machine": self.machine,
            "leftOut": self.left_out,
            "workloads": {
                name: {
                    "title": workload.title,
                    "metrics": [
                        {"name": metric.name, "unit": metric.unit, "better": metric.better}
                        for metric in workload.metrics
                    ],
                    "values": workload.values,
                    "failures": workload.failures,
                }
                for name, workload in self.workloads.items()
            },
        }
        path.write_text(json.dumps(content, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read what `save` wrote.

        Raises:
            ValueError: It is of another format.
        """
        content = json.loads(path.read_text())
        if content.get("format") != FORMAT:
            raise ValueError(f"cannot use {path}: it is no result of this version of benchmarks")
        workloads = {
            name: WorkloadResults(
                entry["title"],
                tuple(Metric(**metric) for metric in entry["metrics"]),
                entry["values"],
                entry["failures"],
            )
            for name, entry in content["workloads"].items()
        }
        return cls(content["machine"], workloads, content["leftOut"])
