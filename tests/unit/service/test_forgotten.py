from telexec_schemas.identifiers import ProcessId
from telexec_service.core.forgotten import ForgottenIds


def ids(*names: str, capacity: int = 100) -> ForgottenIds:
    forgotten = ForgottenIds(capacity)
    for name in names:
        forgotten.add(ProcessId(name))
    return forgotten


def test_what_was_there_at_a_time_is_dropped_and_what_came_since_is_not() -> None:
    forgotten = ids("a", "b")
    added = forgotten.added
    forgotten.add(ProcessId("c"))
    forgotten.drop(added)
    assert ProcessId("a") not in forgotten
    assert ProcessId("b") not in forgotten
    assert ProcessId("c") in forgotten
    forgotten.drop(forgotten.added)
    assert not forgotten


def test_of_too_many_the_newest_stay() -> None:
    forgotten = ids("a", "b", "c", capacity=2)
    assert [name for name in "abc" if ProcessId(name) in forgotten] == ["b", "c"]


def test_one_that_is_added_again_is_as_new() -> None:
    forgotten = ids("a", "b")
    added = forgotten.added
    forgotten.add(ProcessId("a"))
    forgotten.drop(added)
    assert ProcessId("a") in forgotten
    assert ProcessId("b") not in forgotten
