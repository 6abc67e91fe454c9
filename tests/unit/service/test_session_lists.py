"""The sessions of several workers as one list."""

from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.identifiers import SessionId
from telexec_schemas.session import SessionEntry, SessionList
from telexec_service.core.session_lists import MAX_LISTED, OthersLists, merged


def listing(ages_ms: list[int], *, truncated: bool = False) -> SessionList:
    """Return what a worker says of its sessions, the newest first."""
    entries = [
        SessionEntry(SessionId(str(at_ms)), "client", "stdio", True, at_ms, 0, 0, 0)
        for at_ms in sorted(ages_ms, reverse=True)
    ]
    return SessionList(entries, truncated=truncated)


listings = st.lists(st.lists(st.integers(0, 99), max_size=9), min_size=1, max_size=5)


@given(listings, st.lists(st.integers(0, 63), unique=True), st.booleans())
def test_all_are_there_the_newest_first_and_it_is_said_who_is_missing(
    ages_ms: list[list[int]], silent: list[int], truncated: bool
) -> None:
    own, *others = [listing(it) for it in ages_ms]
    others.append(listing([], truncated=truncated))
    answer = merged(own, OthersLists(others, silent))
    created = [it.created_at_ms for it in answer.sessions]
    assert created == sorted((at_ms for it in ages_ms for at_ms in it), reverse=True)
    assert answer.silent_workers == sorted(silent)
    assert answer.truncated == truncated


@given(st.integers(0, 2 * MAX_LISTED))
def test_of_more_than_are_listed_the_newest_are(own: int) -> None:
    count = 2 * MAX_LISTED
    mine, theirs = listing(list(range(own))), listing(list(range(own, count)))
    answer = merged(mine, OthersLists([theirs]))
    assert answer.truncated
    newest = range(count - 1, count - 1 - MAX_LISTED, -1)
    assert [it.created_at_ms for it in answer.sessions] == list(newest)


def test_as_many_as_are_listed_are_all() -> None:
    half = MAX_LISTED // 2
    mine, theirs = listing(list(range(half))), listing(list(range(half, MAX_LISTED)))
    answer = merged(mine, OthersLists([theirs]))
    assert (len(answer.sessions), answer.truncated) == (MAX_LISTED, False)
