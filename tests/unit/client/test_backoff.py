from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from telexec_client.core.backoff import LONGEST_DELAY_S, delays_s, resume_deadline


@given(st.floats(0, 1))
def test_the_first_attempt_is_at_once_and_none_waits_too_long(jitter: float) -> None:
    first, *others = islice(delays_s(lambda: jitter), 20)
    assert first == 0
    assert all(0 < delay_s <= LONGEST_DELAY_S for delay_s in others)
    assert others == sorted(others)


def test_clients_that_lost_the_same_host_spread_out() -> None:
    early = list(islice(delays_s(lambda: 0.0), 10))[1:]
    late = list(islice(delays_s(lambda: 1.0), 10))[1:]
    assert all(soon < later for soon, later in zip(early, late, strict=True))


@given(st.floats(0, 1e6), st.floats(0.5, 3_600))
def test_we_give_up_before_the_host_does(last_heard: float, lease_s: float) -> None:
    assert last_heard < resume_deadline(last_heard, lease_s) < last_heard + lease_s
