"""Adding up what the workers of a service count."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from telexec_service.core.counters import Counters, Durations, MethodCounters

Plain = dict[str, Any]
"""Counters as they travel between processes: numbers, lists of them, and by names."""

OF_NOW = ("processes_known", "processes_running", "retained_bytes", "spilled_bytes")
"""What is counted of what there is now, and so goes with the worker that had it."""


def to_plain(counters: Counters) -> Plain:
    """Return the counters as they travel."""
    plain: Plain = {name: getattr(counters, name) for name in _names()}
    plain["methods"] = {
        name: {
            "outcomes": method.outcomes,
            "counts": method.durations.counts,
            "total_s": method.durations.total_s,
        }
        for name, method in counters.methods.items()
    }
    return plain


def from_plain(plain: Mapping[str, Any]) -> Counters:
    """Return the counters that `to_plain` was given."""
    counters = Counters()
    for name in _names():
        setattr(counters, name, plain[name])
    counters.methods = {name: _method(method) for name, method in plain["methods"].items()}
    return counters


def added(one: Plain, other: Plain) -> Plain:
    """Return the sums; what only one of them has stays as it is."""
    sums = {
        name: _added(one[name], value) if name in one else value for name, value in other.items()
    }
    return one | sums


def past(plain: Plain) -> Plain:
    """Return what is left of the counters of a worker when it is gone: what happened, happened."""
    return {**plain, **dict.fromkeys(OF_NOW, 0)}


def _names() -> list[str]:
    return [name for name in Counters.__slots__ if name != "methods"]


def _method(plain: Mapping[str, Any]) -> MethodCounters:
    method = MethodCounters()
    method.outcomes = dict(plain["outcomes"])
    method.durations = Durations()
    method.durations.counts = list(plain["counts"])
    method.durations.total_s = plain["total_s"]
    return method


def _added(one: Any, other: Any) -> Any:
    if isinstance(other, Mapping):
        return added(one, cast("Plain", other))
    if isinstance(other, list):
        return list(map(_added, one, cast("Iterable[Any]", other)))
    return one + other
