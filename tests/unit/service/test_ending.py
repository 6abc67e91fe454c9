from hypothesis import given
from hypothesis import strategies as st

from telexec_service.core.ending import GIVE_UP_S, Action, Ladder

PIDS = st.frozensets(st.integers(1, 30), max_size=8)
NOBODY: frozenset[int] = frozenset()


def test_everything_is_asked_once_and_killed_after_the_grace() -> None:
    ladder = Ladder(100.0, 2.0)
    living = frozenset({1, 2})
    assert ladder.step(100.0, living, NOBODY).action is Action.ASK
    assert ladder.step(100.1, living, NOBODY).action is Action.WAIT
    assert ladder.step(101.9, living | {3}, NOBODY).action is Action.WAIT
    assert ladder.step(102.0, living | {3}, NOBODY).action is Action.KILL
    assert ladder.step(102.1, NOBODY, NOBODY).action is Action.GIVE_UP


def test_without_a_grace_nobody_is_asked() -> None:
    assert Ladder(5.0, 0).step(5.0, frozenset({1}), NOBODY).action is Action.KILL


def test_the_last_look_before_the_kill_is_not_later_than_it() -> None:
    ladder = Ladder(0.0, 0.05)
    now = 0.0
    while (step := ladder.step(now, frozenset({1}), NOBODY)).action is not Action.KILL:
        now += step.look_again_s
        assert now <= 0.05
    assert now == 0.05


def test_who_hurries_gives_less_time_and_never_more() -> None:
    ladder = Ladder(0.0, 10.0)
    ladder.step(0.0, frozenset({1}), NOBODY)
    ladder.hurry(1.0, 1.0)
    ladder.hurry(1.5, 60.0)
    assert ladder.step(1.9, frozenset({1}), NOBODY).action is Action.WAIT
    assert ladder.step(2.0, frozenset({1}), NOBODY).action is Action.KILL


def test_what_cannot_be_signalled_is_given_up_when_nothing_else_is_left() -> None:
    ladder = Ladder(0.0, 0)
    assert ladder.step(0.0, frozenset({1, 2}), NOBODY).action is Action.KILL
    assert ladder.step(0.1, frozenset({1, 2}), frozenset({2})).action is Action.KILL
    assert ladder.step(0.2, frozenset({2}), frozenset({2})).action is Action.GIVE_UP


def test_what_forks_faster_than_it_is_killed_is_stopped_before_it_is_killed() -> None:
    ladder = Ladder(0.0, 0)
    now, newest = 0.0, 10
    living = frozenset({newest})
    while (step := ladder.step(now, living, NOBODY)).action is Action.KILL:
        # What was there is killed, and was faster.
        newest += 1
        living = frozenset({newest})
        now += step.look_again_s
    assert step.action is Action.FREEZE
    assert step.look_again_s == 0
    # One more was on its way.
    living |= {newest + 1}
    assert ladder.step(now, living, NOBODY).action is Action.FREEZE
    # Nothing new: nothing can fork any more.
    assert ladder.step(now, living, NOBODY).action is Action.KILL


@given(
    grace_s=st.floats(0, 3),
    seen=st.lists(st.tuples(PIDS, st.floats(0, 0.5)), max_size=60),
)
def test_whatever_is_seen_it_comes_to_an_end(
    grace_s: float, seen: list[tuple[frozenset[int], float]]
) -> None:
    ladder = Ladder(0.0, grace_s)
    now = 0.0
    actions: list[Action] = []
    for living, late_s in seen:
        step = ladder.step(now, living, NOBODY)
        actions.append(step.action)
        if step.action is Action.GIVE_UP:
            assert not living or now >= grace_s + GIVE_UP_S
            return
        assert (step.action in {Action.KILL, Action.FREEZE}) == (now >= grace_s)
        now += step.look_again_s + late_s
    assert actions.count(Action.ASK) <= 1
    last = ladder.step(max(now, grace_s + GIVE_UP_S), frozenset({1}), NOBODY)
    assert last.action is Action.GIVE_UP
