"""Results as tables, readable on a terminal and as Markdown: pure."""

from collections.abc import Mapping, Sequence

from benchmarks.results import Results, WorkloadResults
from benchmarks.spread import spread
from benchmarks.targets import Verdict, verdicts


def report(results: Results, about: Mapping[str, str]) -> str:
    """Return everything: the machine, a table for each workload, the targets, who is missing.

    Args:
        about: What each subject is.
    """
    parts = [_machine(results)]
    for workload in results.workloads.values():
        parts += [f"### {workload.title}", _workload_table(workload)]
        parts += [f"{name}: {reason}" for name, reason in workload.failures.items()]
    found = verdicts(results)
    if found:
        parts += ["### Targets", _target_table(found)]
    measured = {name for each in results.workloads.values() for name in each.subjects()}
    legend = [f"- {name}: {text}" for name, text in about.items() if name in measured]
    parts.append("\n".join(legend))
    if results.left_out:
        missing = [f"- {name}: {reason}" for name, reason in results.left_out.items()]
        parts.append("\n".join(["Left out:", "", *missing]))
    return "\n\n".join(part for part in parts if part)


def number(value: float) -> str:
    """Return a value with three digits, or all that are before the point."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a Markdown table whose columns are as wide as they must be.

    The first row is the heading, the first column is text, the others are numbers.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines: list[list[str]] = []
    for row in (rows[0], rule, *rows[1:]):
        first, *rest = zip(row, widths, strict=True)
        lines.append([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _machine(results: Results) -> str:
    facts = results.machine
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    lines = [
        (
            f"{facts['processor']}, {facts['cores']} cores, {facts['memoryMib']} MiB, "
            f"Linux {facts['kernel']}"
        ),
        f"Python {facts['python']}, {packages}",
    ]
    if "durationS" in facts:
        lines.append(
            f"{facts['rounds']} rounds (heavy: {facts['heavyRounds']}) in {facts['durationS']} s, "
            f"of which {facts['stealS']} s of CPU were stolen; load before: "
            f"{facts['loadBefore']:.2f}"
        )
    return "\n".join(lines)


def _workload_table(workload: WorkloadResults) -> str:
    shown = [metric for metric in workload.metrics if metric.name in workload.values]
    if not shown:
        return ""
    head = ["", *(f"{metric.name} {metric.unit}" for metric in shown)]
    rows = [head]
    for subject in workload.subjects():
        cells = [workload.values[metric.name].get(subject) for metric in shown]
        rows.append([subject, *("-" if not values else _cell(values) for values in cells)])
    return aligned(rows)


def _cell(values: Sequence[float]) -> str:
    found = spread(values)
    if len(values) == 1:
        return number(found.median)
    return f"{number(found.median)} ({number(found.low)}-{number(found.high)})"


def _target_table(found: Sequence[Verdict]) -> str:
    rows = [["", "target", "measured", ""]]
    for verdict in found:
        target = verdict.target
        what = f"{target.workload} {target.metric}: {target.subject}"
        bound = f"{'<=' if target.is_at_most else '>='} {target.bound:g}"
        if target.base is not None:
            what += f" / {target.base}"
        value = "-" if verdict.value is None else number(verdict.value)
        rows.append([what, bound, value, verdict.outcome])
    return aligned(rows)
