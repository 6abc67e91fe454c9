"""What is said of a run: targets and tables."""

from pathlib import Path

import pytest

from benchmarks.results import Results, WorkloadResults
from benchmarks.table import aligned, number, report
from benchmarks.targets import TARGETS, verdicts
from benchmarks.workload_list import workloads

MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "memoryMib": 1024,
    "kernel": "6.0",
    "python": "3.11",
    "packages": {"telexec": "1"},
    "loadBefore": 0.0,
}


def run_of_exec(values: dict[str, list[float]]) -> Results:
    exec_ = workloads()["exec"]
    workload = WorkloadResults(exec_.title, exec_.metrics, {"p50": values})
    return Results(dict(MACHINE), {"exec": workload}, {"openssh": "cannot find sshd"})


def outcomes(results: Results) -> dict[str | None, str]:
    return {
        verdict.target.base: verdict.outcome
        for verdict in verdicts(results)
        if verdict.target.subject == "telexec"
    }


def test_a_target_is_reached_missed_or_not_measured() -> None:
    results = run_of_exec({"telexec": [1.2, 1.3], "floor": [1.0, 1.0], "codex": [4.0, 4.0]})
    assert outcomes(results) == {"floor": "pass", "codex": "FAIL", "swerex": "-"}


def test_every_target_is_about_something_that_is_measured() -> None:
    everything = workloads()
    for target in TARGETS:
        metrics = {metric.name for metric in everything[target.workload].metrics}
        assert target.metric in metrics, target


def test_a_report_has_every_subject_every_failure_and_who_was_left_out() -> None:
    results = run_of_exec({"telexec": [1.0, 2.0, 3.0]})
    results.workloads["exec"].failures["codex"] = "WrongOutputError: 7 bytes came of 8"
    shown = report(results, {"telexec": "the service"})
    assert "| telexec | 2.00 (1.00-3.00) |" in shown
    assert "codex: WrongOutputError: 7 bytes came of 8" in shown
    assert "- openssh: cannot find sshd" in shown
    assert "- telexec: the service" in shown


def test_saved_results_are_the_same_when_they_are_read(tmp_path: Path) -> None:
    results = run_of_exec({"telexec": [1.0, 2.0]})
    results.save(tmp_path / "run.json")
    assert Results.load(tmp_path / "run.json") == results


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="cannot use"):
        Results.load(tmp_path / "run.json")


def test_columns_of_a_table_are_aligned() -> None:
    lines = aligned([["", "a long heading"], ["telexec", "1"], ["x", "22"]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "| ------- | -------------: |"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0123, "0.012"),
        (0.123, "0.12"),
        (1.5, "1.50"),
        (12.34, "12.3"),
        (1234.5, "1234"),
    ],
)
def test_numbers_are_as_long_as_they_are_exact(value: float, shown: str) -> None:
    assert number(value) == shown
