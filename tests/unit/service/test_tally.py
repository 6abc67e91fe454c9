"""What several workers have together."""

from hypothesis import given
from hypothesis import strategies as st

from telexec_service.core.tally import Tally, tally_bytes

counts = st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 9999)), min_size=1, max_size=64)


@given(counts)
def test_each_sees_the_sum_and_its_own(noted: list[tuple[int, int]]) -> None:
    memory = memoryview(bytearray(tally_bytes(len(noted))))
    tallies = [Tally(memory, slot) for slot in range(len(noted))]
    for tally, (connections, sessions) in zip(tallies, noted, strict=True):
        tally.note_connections(connections)
        tally.note_sessions(sessions)
    for tally, (connections, _) in zip(tallies, noted, strict=True):
        assert tally.own_connections == connections
        assert tally.connections == sum(connections for connections, _ in noted)
        assert tally.sessions == sum(sessions for _, sessions in noted)


def test_who_is_alone_sees_its_own() -> None:
    tally = Tally.alone()
    tally.note_connections(3)
    tally.note_sessions(2)
    assert (tally.connections, tally.sessions) == (3, 2)
