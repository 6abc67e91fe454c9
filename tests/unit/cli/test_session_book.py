import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.cli.session_book import (
    MAX_PROCESSES,
    MAX_SESSIONS,
    KnownProcess,
    KnownSession,
    SessionBook,
    duration,
    why_gone,
    worker_of,
)

LEFT_AT_MS = 1_000_000


def session(name: str, session_id: str = "", *processes: str) -> KnownSession:
    return KnownSession(
        name,
        session_id or f"id-{name}",
        "ws://one:1",
        lease_ms=30_000,
        left_at_ms=LEFT_AT_MS,
        instance="first",
        processes=tuple(KnownProcess(it, "make", 1) for it in processes),
    )


def book_of(*sessions: KnownSession) -> SessionBook:
    book = SessionBook()
    for it in sessions:
        book = book.with_session(it)
    return book


def ids(known: KnownSession) -> list[str]:
    return [it.process_id for it in known.processes]


def test_a_session_is_found_by_its_name_and_by_its_id() -> None:
    a, b = session("a"), session("b")
    book = book_of(a, b)
    assert book.named("a") == book.named("id-a") == [a]
    assert book.named("c") == []


def test_a_session_that_is_left_again_keeps_its_processes_and_is_the_last() -> None:
    book = book_of(session("a", "", "p1"), session("b"), session("a", "", "p2"))
    assert [it.name for it in book.sessions] == ["b", "a"]
    assert ids(book.sessions[-1]) == ["p1", "p2"]


def test_a_new_session_of_a_name_is_another_one() -> None:
    book = book_of(session("a", "old", "p1"), session("a", "new", "p2"))
    assert [ids(it) for it in book.named("a")] == [["p1"], ["p2"]]
    assert [it.session_id for it in book.without({"old"}).sessions] == ["new"]


@given(st.integers(0, MAX_SESSIONS + 20), st.integers(0, MAX_PROCESSES + 20))
def test_the_book_has_bounds_and_forgets_the_oldest(sessions: int, processes: int) -> None:
    many = [f"p{number}" for number in range(processes)]
    book = book_of(*(session(f"s{number}", "", *many) for number in range(sessions)))
    assert len(book.sessions) == min(sessions, MAX_SESSIONS)
    if sessions:
        assert book.sessions[-1].name == f"s{sessions - 1}"
        assert ids(book.sessions[-1]) == many[-MAX_PROCESSES:]


def test_a_session_on_a_host_that_is_another_run_went_with_the_one_before() -> None:
    assert why(instance="second", after_ms=1_000) == "the host was started anew"


def test_a_session_whose_time_is_over_ran_out_then() -> None:
    assert why(after_ms=30_000) == f"its lease of 30 s ran out at <{LEFT_AT_MS + 30_000}>"
    assert why(instance=None, after_ms=90_000).startswith("its lease of 30 s ran out")


def test_a_session_whose_time_is_not_over_was_ended() -> None:
    assert why(after_ms=29_000) == "it was ended"


def test_a_worker_of_the_same_host_is_no_other_run_of_it() -> None:
    known, asked = (
        str(uuid.UUID(bytes=bytes([0] * 6 + [0x80, 0, 0x80] + [0] * 6 + [slot]))) for slot in (1, 2)
    )
    assert (worker_of(known), worker_of(asked)) == (1, 2)
    assert why(instance="second", after_ms=1, known_id=known, asked_id=asked) == "it was ended"
    assert "anew" in why(instance="second", after_ms=1, known_id=known, asked_id=known)


def why(
    *,
    instance: str | None = "first",
    after_ms: int,
    known_id: str = "id",
    asked_id: str = "other id",
) -> str:
    return why_gone(
        session("a", known_id),
        now_ms=LEFT_AT_MS + after_ms,
        instance=instance,
        asked_session_id=asked_id,
        clock=lambda at_ms: f"<{at_ms}>",
    )


@pytest.mark.parametrize("text", ["", "id", str(uuid.UUID(int=5, version=4))])
def test_an_id_that_says_no_worker_is_of_a_host_with_one(text: str) -> None:
    assert worker_of(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (30, "30 s"),
        (60, "1 min"),
        (5400, "1.5 h"),
        (86_400, "24 h"),
        (172_800, "2 days"),
    ],
)
def test_a_duration_is_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text
