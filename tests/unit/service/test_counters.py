from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.errors import ErrorReason
from telexec_schemas.process import EndReason
from telexec_service.core.account import ProcessAccount
from telexec_service.core.counters import DURATION_BOUNDS_S, OTHER_METHOD, Counters, Durations

seconds = st.floats(min_value=0, max_value=1e6)


@given(st.lists(seconds))
def test_every_duration_is_in_the_first_bucket_whose_bound_it_does_not_exceed(
    durations: list[float],
) -> None:
    counted = Durations()
    for duration_s in durations:
        counted.add(duration_s)
    for index, bound in enumerate(DURATION_BOUNDS_S):
        assert sum(counted.counts[: index + 1]) == sum(it <= bound for it in durations)
    assert sum(counted.counts) == len(durations)


@given(st.text())
def test_no_name_of_a_method_makes_a_new_counter(name: str) -> None:
    counters = Counters(["known"])
    counters.method(name).outcomes["ok"] += 1
    assert counters.methods.keys() == {"known", OTHER_METHOD}
    counters.add_start(name)
    assert counters.starts.keys() == Counters().starts.keys()


def test_every_result_of_a_start_is_counted_once() -> None:
    counters = Counters()
    for reason in ErrorReason:
        counters.add_start(reason)
    assert sum(counters.starts.values()) == len(ErrorReason)


@given(st.lists(st.sampled_from(["retain", "end", "close"])), st.integers(0, 1000))
def test_what_is_left_of_a_forgotten_process_is_nothing(steps: list[str], size: int) -> None:
    counters = Counters()
    account = ProcessAccount(counters, profile=None, tty=False, now_s=1.0)
    assert (counters.processes_running, counters.processes_known) == (1, 1)
    for step in [*steps, "end", "close"]:
        if step == "retain":
            account.set_retained(size)
        elif step == "end":
            account.end(EndReason.EXITED, 3.5)
        else:
            account.close()
    assert account.duration_s == 2.5
    assert counters.process_ends[EndReason.EXITED] == 1
    assert counters.processes_running == 0
    assert (counters.processes_known, counters.retained_bytes) == (0, 0)
