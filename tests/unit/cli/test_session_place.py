import pytest

from telexec_client.cli.request import Target, Where
from telexec_client.cli.session_book import KnownSession, SessionBook
from telexec_client.cli.session_place import (
    HostUnsaidError,
    SessionOnSeveralHostsError,
    SessionPlace,
    place_of,
)

NOWHERE = Where(Target(), is_named=False)


def known(name: str, url: str, session_id: str = "id") -> KnownSession:
    return KnownSession(name, session_id, url, 1, 2, token_file=f"/token of {url}")


ONE, OTHER = known("a", "ws://one:1"), known("a", "ws://other:1", "id2")


def test_a_session_that_was_left_from_here_is_where_it_was_left() -> None:
    book = SessionBook((ONE,))
    assert place_of("a", book, NOWHERE) == SessionPlace(ONE.target, ONE)
    assert place_of("id", book, NOWHERE) == SessionPlace(ONE.target, ONE)


def test_the_usual_host_of_all_commands_does_not_hide_it() -> None:
    usual = Where(Target("ws://usual:1"), is_named=False)
    assert place_of("a", SessionBook((ONE,)), usual) == SessionPlace(ONE.target, ONE)
    assert place_of("b", SessionBook((ONE,)), usual) == SessionPlace(usual.target)


def test_of_several_hosts_the_usual_one_is_meant() -> None:
    usual = Where(Target("ws://one:1", "/another token"), is_named=False)
    book = SessionBook((ONE, OTHER))
    assert place_of("a", book, usual) == SessionPlace(ONE.target, ONE)


def test_a_host_that_is_named_is_meant_with_the_token_that_is_named() -> None:
    named = Where(Target("ws://one:1", "/new token"), is_named=True)
    book = SessionBook((ONE, OTHER))
    assert place_of("a", book, named) == SessionPlace(named.target, ONE)
    elsewhere = Where(Target("ws://third:1"), is_named=True)
    assert place_of("a", book, elsewhere) == SessionPlace(elsewhere.target)


def test_of_two_sessions_of_a_name_on_one_host_the_last_one_is_meant() -> None:
    later = known("a", "ws://one:1", "later")
    assert place_of("a", SessionBook((ONE, later)), NOWHERE).known == later


def test_what_nobody_can_tell_is_said_with_what_to_do() -> None:
    with pytest.raises(HostUnsaidError, match=r"'b'.*--url"):
        place_of("b", SessionBook((ONE,)), NOWHERE)
    with pytest.raises(SessionOnSeveralHostsError, match="ws://one:1, ws://other:1"):
        place_of("a", SessionBook((ONE, OTHER)), NOWHERE)
