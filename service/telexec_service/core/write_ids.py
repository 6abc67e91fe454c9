"""Which writes were seen, so that one that is sent again is not written again."""

from collections import OrderedDict
from typing import Generic, TypeVar

from telexec_schemas.identifiers import WriteId

WRITE_IDS_REMEMBERED = 4096
"""More than any client has in flight when it loses a connection."""

Outcome = TypeVar("Outcome")


class WriteIds(Generic[Outcome]):
    """The newest write ids of one process and what became of each write."""

    def __init__(self) -> None:
        self._outcomes: OrderedDict[WriteId, Outcome] = OrderedDict()

    def known(self, write_id: WriteId) -> Outcome | None:
        """Return what became of a write, or None if it was not seen."""
        return self._outcomes.get(write_id)

    def remember(self, write_id: WriteId, outcome: Outcome) -> None:
        """Note a write; the oldest is forgotten beyond `WRITE_IDS_REMEMBERED`."""
        self._outcomes[write_id] = outcome
        if len(self._outcomes) > WRITE_IDS_REMEMBERED:
            self._outcomes.popitem(last=False)
