"""How long a call waits and how much it returns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.unified_exec.core.bounds import (
    MAX_OUTPUT_TOKENS,
    clamp_exec_yield_ms,
    clamp_output_tokens,
    clamp_write_yield_ms,
)


@pytest.mark.parametrize(
    ("wanted", "waits"), [(None, 10_000), (-1, 250), (249, 250), (1_000, 1_000), (30_001, 30_000)]
)
def test_a_start_waits_between_a_quarter_of_a_second_and_30_s(
    wanted: int | None, waits: int
) -> None:
    assert clamp_exec_yield_ms(wanted) == waits


@pytest.mark.parametrize(
    ("wanted", "after_writing", "polling"),
    [
        (None, 250, 5_000),
        (0, 250, 5_000),
        (6_000, 6_000, 6_000),
        (40_000, 30_000, 40_000),
        (400_000, 30_000, 300_000),
    ],
)
def test_a_poll_waits_longer_than_a_write(
    wanted: int | None, after_writing: int, polling: int
) -> None:
    assert clamp_write_yield_ms(wanted, is_poll=False) == after_writing
    assert clamp_write_yield_ms(wanted, is_poll=True) == polling


@given(st.none() | st.integers(), st.integers(0, MAX_OUTPUT_TOKENS))
def test_no_call_returns_more_than_the_limit(wanted: int | None, limit: int) -> None:
    budget = clamp_output_tokens(wanted, limit)
    assert 0 <= budget <= limit
    if wanted is not None and 0 <= wanted <= limit:
        assert budget == wanted


def test_a_call_that_does_not_say_returns_10_000_tokens() -> None:
    assert clamp_output_tokens(None) == 10_000
