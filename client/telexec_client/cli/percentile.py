"""Percentiles: pure."""

import statistics
from collections.abc import Sequence


def percentile(samples: Sequence[float], percent: int) -> float:
    """Return what `percent` (1 to 99) of at least one sample do not exceed, interpolated.

    One sample is all its percentiles.
    """
    if len(samples) == 1:
        return samples[0]
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]
