"""Ids of processes that are forgotten sooner than their client can have heard of their ends."""

from collections import OrderedDict

from telexec_schemas.identifiers import ProcessId


class ForgottenIds:
    """The newest ids that must not be taken for new ones: the client may send their starts again.

    Args:
        capacity: How many there are at most; of more, the oldest are dropped.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._numbers: OrderedDict[ProcessId, int] = OrderedDict()
        self._added = 0

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._numbers)

    def __contains__(self, process_id: ProcessId) -> bool:
        """Whether an id is one of them."""
        return process_id in self._numbers

    @property
    def added(self) -> int:
        """How many were added so far."""
        return self._added

    def add(self, process_id: ProcessId) -> None:
        """Add one."""
        self._added += 1
        self._numbers[process_id] = self._added
        self._numbers.move_to_end(process_id)
        if len(self._numbers) > self._capacity:
            self._numbers.popitem(last=False)

    def drop(self, added: int) -> None:
        """Drop those that were there when `added` was this."""
        while self._numbers and next(iter(self._numbers.values())) <= added:
            self._numbers.popitem(last=False)
