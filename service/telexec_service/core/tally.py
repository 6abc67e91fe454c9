"""How many there are of what over all workers: each writes its own numbers and may read all."""

_FIELDS = 2
_NUMBER_BYTES = 8
_CONNECTIONS, _SESSIONS = range(_FIELDS)


def tally_bytes(workers: int) -> int:
    """Return how much memory the numbers of so many workers take."""
    return workers * _FIELDS * _NUMBER_BYTES


class Tally:
    """The numbers of one worker in memory that all of them share.

    Nothing is locked, as nobody writes what another writes: of two that look at the same moment
    both may find the last room there is.

    Args:
        memory: Of `tally_bytes`, and writable.
        slot: Which worker this is, from 0 on.
    """

    def __init__(self, memory: memoryview, slot: int) -> None:
        self._numbers = memory.cast("q")
        self._own = slot * _FIELDS

    @classmethod
    def alone(cls) -> "Tally":
        """Return the tally of a service that is one process."""
        return cls(memoryview(bytearray(tally_bytes(1))), 0)

    @property
    def own_connections(self) -> int:
        """How many connections this worker has."""
        return self._numbers[self._own + _CONNECTIONS]

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return sum(self._numbers[_CONNECTIONS::_FIELDS])

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return sum(self._numbers[_SESSIONS::_FIELDS])

    def note_connections(self, count: int) -> None:
        """Say how many connections this worker has."""
        self._numbers[self._own + _CONNECTIONS] = count

    def note_sessions(self, count: int) -> None:
        """Say how many sessions this worker has."""
        self._numbers[self._own + _SESSIONS] = count
