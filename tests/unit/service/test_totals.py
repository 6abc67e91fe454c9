"""Adding up what several workers count."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.process import EndReason
from telexec_service.core.admission import Visit
from telexec_service.core.counters import Counters
from telexec_service.core.totals import OF_NOW, added, from_plain, past, to_plain

METHODS = ("process/start", "process/read")


def counted(starts: int, requests: list[float], running: int) -> Counters:
    counters = Counters(METHODS)
    counters.sessions_started = starts
    counters.visits[Visit.OPENED] = starts
    counters.process_ends[EndReason.EXITED] = starts
    counters.processes_running = running
    for duration_s in requests:
        counters.method("process/start").durations.add(duration_s)
        counters.method("process/start").outcomes["ok"] += 1
    return counters


some = st.builds(
    counted,
    st.integers(0, 2**40),
    st.lists(st.floats(0, 20).map(lambda it: round(it * 64) / 64), max_size=5),
    st.integers(0, 9),
)


@given(some)
def test_counters_travel_whole(counters: Counters) -> None:
    sent = msgspec.json.decode(msgspec.json.encode(to_plain(counters)))
    assert to_plain(from_plain(sent)) == to_plain(counters)


@given(some, some)
def test_sums_are_of_everything(one: Counters, other: Counters) -> None:
    both = from_plain(added(to_plain(one), to_plain(other)))
    assert both.sessions_started == one.sessions_started + other.sessions_started
    assert both.visits[Visit.OPENED] == one.visits[Visit.OPENED] + other.visits[Visit.OPENED]
    method, methods = both.method(METHODS[0]), [it.method(METHODS[0]) for it in (one, other)]
    assert sum(method.durations.counts) == sum(it.outcomes["ok"] for it in methods)
    assert method.durations.total_s == sum(it.durations.total_s for it in methods)
    assert added(to_plain(one), to_plain(other)) == added(to_plain(other), to_plain(one))


@given(some)
def test_nothing_and_something_is_something(counters: Counters) -> None:
    assert added({}, to_plain(counters)) == to_plain(counters)
    assert added(to_plain(counters), {}) == to_plain(counters)


@given(some)
def test_a_worker_that_is_gone_has_done_what_it_did_and_has_nothing(counters: Counters) -> None:
    left = past(to_plain(counters))
    assert all(left[name] == 0 for name in OF_NOW)
    assert left | dict.fromkeys(OF_NOW, 0) == to_plain(counters) | dict.fromkeys(OF_NOW, 0)
