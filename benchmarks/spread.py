"""What is said of many measurements: pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some values, and how far they reach."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median, the least and the greatest of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(values: Sequence[float], base: Sequence[float]) -> float | None:
    """Return the median of the ratios of the same round, first to first and so on.

    Noise that lasts for a round is in both and cancels. `None`: no round has both, or a base is 0.
    """
    pairs = list(zip(values, base, strict=False))
    if not pairs or any(below == 0 for _, below in pairs):
        return None
    return statistics.median(above / below for above, below in pairs)
