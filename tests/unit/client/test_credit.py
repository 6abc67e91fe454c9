from hypothesis import given
from hypothesis import strategies as st

from telexec_client.core.credit import UNLIMITED_OFFSET, CreditWindow

WINDOW = 1_000


@given(st.lists(st.integers(0, 3_000)))
def test_a_reader_that_keeps_up_never_lets_the_host_run_dry(reads: list[int]) -> None:
    credit = CreditWindow(WINDOW)
    consumed = 0
    for wanted in reads:
        # Nobody can read what may not be pushed.
        size = min(wanted, credit.granted - consumed)
        consumed += size
        announced = credit.consume(size)
        assert credit.granted >= consumed + WINDOW // 2
        assert credit.granted <= consumed + WINDOW
        if announced is not None:
            assert announced == credit.granted


@given(st.lists(st.one_of(st.integers(1, 500), st.sampled_from([-1, -2]))))
def test_credit_never_shrinks(steps: list[int]) -> None:
    credit = CreditWindow(WINDOW)
    granted = credit.granted
    for step in steps:
        if step == -1:
            credit.resize(10 * WINDOW)
        elif step == -2:
            credit.resize(WINDOW)
        else:
            credit.arrive(step)
            credit.consume(step)
        assert credit.granted >= granted
        granted = credit.granted


def test_what_is_announced_anyway_is_up_to_date() -> None:
    credit = CreditWindow(WINDOW)
    assert credit.consume(10) is None
    assert credit.renew() == WINDOW + 10
    credit.resize(WINDOW // 2)
    assert credit.renew() == WINDOW + 10


def test_a_wider_window_is_announced_when_half_of_what_was_granted_has_arrived() -> None:
    credit = CreditWindow(WINDOW)
    assert credit.resize(100 * WINDOW) is None
    assert credit.arrive(WINDOW // 2 - 1) is None
    assert credit.arrive(1) == 100 * WINDOW
    assert credit.resize(WINDOW) is None


def test_a_wider_window_is_announced_at_once_to_a_host_that_has_little_left() -> None:
    credit = CreditWindow(WINDOW)
    assert credit.arrive(WINDOW) is None
    assert credit.resize(100 * WINDOW) == 100 * WINDOW


def test_credit_stays_within_what_the_wire_can_carry() -> None:
    credit = CreditWindow(UNLIMITED_OFFSET)
    credit.consume(WINDOW)
    assert credit.granted <= UNLIMITED_OFFSET
