"""The numbers that commands are called by."""

from telexec_client.unified_exec.session_ids import FIRST_SESSION_ID, LAST_SESSION_ID, SessionIds


def test_no_number_comes_twice_before_all_were_given() -> None:
    numbers = SessionIds()
    count = LAST_SESSION_ID - FIRST_SESSION_ID + 1
    given = [numbers.next(()) for _ in range(count)]
    assert sorted(given) == list(range(FIRST_SESSION_ID, LAST_SESSION_ID + 1))
    taken = {given[0]}
    assert numbers.next(taken) == given[1]
