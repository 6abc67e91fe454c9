"""How soon a worker that ended is started anew."""

from hypothesis import given
from hypothesis import strategies as st

from telexec_service.core.restarts import FIRST_DELAY_S, MAX_DELAY_S, STEADY_S, Restarts


def test_the_first_time_at_once_and_then_ever_later() -> None:
    restarts = Restarts()
    delays = [restarts.delay_s(0.1) for _ in range(10)]
    assert delays[:4] == [0.0, FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S]
    assert delays[-1] == MAX_DELAY_S


def test_who_ran_for_long_is_started_at_once_again() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.delay_s(0.1)
    assert restarts.delay_s(STEADY_S) == 0.0


@given(st.lists(st.floats(0, STEADY_S, exclude_max=True), min_size=8, max_size=60))
def test_starts_that_fail_are_few(runs: list[float]) -> None:
    restarts = Restarts()
    assert sum(restarts.delay_s(ran_s) for ran_s in runs) >= (2 ** min(len(runs) - 1, 6) - 1) / 2
