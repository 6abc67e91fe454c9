"""The numbers that are made of measurements."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.spread import ratio, spread
from telexec_client.cli.percentile import percentile

VALUES = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=50)


def test_the_median_is_in_the_middle_and_outliers_are_only_in_the_spread() -> None:
    found = spread([5.0, 1.0, 1000.0, 4.0, 6.0])
    assert (found.median, found.low, found.high) == (5.0, 1.0, 1000.0)


def test_percentiles_are_interpolated_between_samples() -> None:
    samples = [float(number) for number in range(101)]
    assert (percentile(samples, 50), percentile(samples, 99)) == (50.0, 99.0)
    assert percentile([1.0, 2.0], 50) == 1.5


def test_one_sample_is_all_its_percentiles() -> None:
    assert percentile([7.0], 99) == 7.0


@given(VALUES)
def test_percentiles_never_leave_the_samples_and_never_fall(samples: list[float]) -> None:
    found = [percentile(samples, percent) for percent in (1, 50, 90, 99)]
    tolerance = max(samples) * 1e-9
    assert min(samples) - tolerance <= found[0]
    assert found[-1] <= max(samples) + tolerance
    assert all(low <= high + tolerance for low, high in pairwise(found))


def test_noise_that_lasts_for_a_round_is_not_in_the_ratio() -> None:
    assert ratio([1.0, 10.0, 2.0], [2.0, 20.0, 4.0]) == 0.5


def test_a_ratio_takes_the_rounds_that_both_have() -> None:
    assert ratio([1.0, 9.0, 9.0], [2.0]) == 0.5
    assert ratio([], [1.0]) is None
    assert ratio([1.0], [0.0]) is None


@given(VALUES)
def test_anything_is_as_large_as_itself(values: list[float]) -> None:
    found = ratio(values, values)
    assert found is not None
    assert math.isclose(found, 1.0)
