"""Which command has to go when there are too many."""

from hypothesis import given
from hypothesis import strategies as st

from telexec_client.unified_exec.core.pruning import Candidate, choose_to_prune

CANDIDATES = st.lists(
    st.builds(
        Candidate, st.integers(1_000, 9_999), st.floats(0, 1_000), st.booleans(), st.booleans()
    ),
    unique_by=(lambda it: it.session_id, lambda it: it.last_used_s),
    max_size=20,
)


def numbered(*, ended: set[int] = frozenset(), busy: set[int] = frozenset()) -> list[Candidate]:  # type: ignore[assignment]
    """Ten commands, 1 used longest ago."""
    return [
        Candidate(number, float(number), has_ended=number in ended, is_busy=number in busy)
        for number in range(1, 11)
    ]


def test_the_one_used_longest_ago_goes() -> None:
    assert choose_to_prune(numbered()) == 1


def test_one_that_has_ended_goes_first() -> None:
    assert choose_to_prune(numbered(ended={2})) == 2


def test_the_eight_used_last_stay_also_when_they_have_ended() -> None:
    assert choose_to_prune(numbered(ended={3, 10})) == 1


def test_one_that_a_call_waits_for_stays() -> None:
    assert choose_to_prune(numbered(busy={1})) == 2
    assert choose_to_prune(numbered(busy={1, 2})) is None


@given(CANDIDATES, st.integers(0, 10))
def test_who_goes_is_idle_not_spared_and_nobody_else_should_have_gone(
    candidates: list[Candidate], spared: int
) -> None:
    chosen = choose_to_prune(candidates, spared=spared)
    by_use = sorted(candidates, key=lambda it: it.last_used_s)
    allowed = [it for it in by_use[: max(len(by_use) - spared, 0)] if not it.is_busy]
    if chosen is None:
        assert allowed == []
        return
    ended = [it for it in allowed if it.has_ended]
    assert chosen == (ended or allowed)[0].session_id
