"""Which processes of a session have ended and were told, and how long each is remembered."""

import asyncio
import functools
from collections import OrderedDict
from collections.abc import Callable, Iterator

from telexec_schemas.identifiers import ProcessId
from telexec_service.core.forgotten import ForgottenIds
from telexec_service.core.peer import Peer

FORGOTTEN_PER_REMEMBERED = 16
"""For each process that is remembered, so many ids of those that are not."""


class FinishedProcesses:
    """Remembers processes until their client has had time to ask for them again.

    What was pushed may never arrive: the connection may be dead without anybody having noticed. So
    nothing is forgotten before the client has said, after its time was over, that it has taken what
    was pushed. Where there are too many, the oldest are, but their starts are not done again.

    Args:
        finished_s: How long each is remembered after it was last asked for.
        most: How many are remembered.
        forget: Called with each that is forgotten.
        on_full: Called whenever one is forgotten because there are too many.
    """

    def __init__(
        self,
        finished_s: float,
        most: int,
        *,
        forget: Callable[[ProcessId], None],
        on_full: Callable[[], None],
    ) -> None:
        self._finished_s = finished_s
        self._most = most
        self._forget = forget
        self._on_full = on_full
        self._loop = asyncio.get_running_loop()
        self._deadlines: OrderedDict[ProcessId, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._peer: Peer | None = None
        self._expired: set[ProcessId] = set()
        self._forgotten = ForgottenIds(FORGOTTEN_PER_REMEMBERED * most)
        self._inquiry: object | None = None
        self._may_ask_until = self._loop.time()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._deadlines)

    def __iter__(self) -> Iterator[ProcessId]:
        """Yield those that are remembered, those that will be forgotten first at first."""
        return iter(self._deadlines)

    def __contains__(self, process_id: ProcessId) -> bool:
        """Whether a process has ended and is remembered."""
        return process_id in self._deadlines

    def attach(self, peer: Peer) -> None:
        """Note that the client is there: it needs time to ask for what was pushed before."""
        self._peer = peer
        self._may_ask_until = self._loop.time() + self._finished_s
        for process_id in tuple(self._deadlines):
            self.keep(process_id)
        if self._timer is None:
            self._arm()

    def detach(self) -> None:
        """Note that the client is gone: until it is back, nothing is forgotten."""
        self._peer = None
        self._inquiry = None
        self._expired.clear()

    def add(self, process_id: ProcessId) -> None:
        """Remember one that has ended, and all of which was pushed."""
        self.keep(process_id)
        if len(self._deadlines) > self._most:
            self._on_full()
            oldest = next(iter(self._deadlines))
            self._forgotten.add(oldest)
            self._drop(oldest)
            self._inquire()
        if self._timer is None:
            self._arm()

    def keep(self, process_id: ProcessId) -> None:
        """Remember one for its whole time from now on: somebody asked for it."""
        self._expired.discard(process_id)
        self._deadlines[process_id] = self._loop.time() + self._finished_s
        self._deadlines.move_to_end(process_id)

    def discard(self, process_id: ProcessId) -> None:
        """Take one out: it is to be told anew. Idempotent."""
        self._deadlines.pop(process_id, None)
        self._expired.discard(process_id)

    def is_forgotten(self, process_id: ProcessId) -> bool:
        """Whether the start of one that is not remembered may be sent once more."""
        return process_id in self._forgotten

    def close(self) -> None:
        """Remember nothing any more. Idempotent."""
        self.detach()
        self._deadlines.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = None
        due = next(iter(self._deadlines.values()), None)
        if due is None and self._forgotten and self._peer is not None:
            due = max(self._may_ask_until, self._loop.time() + self._finished_s)
        if due is not None:
            self._timer = self._loop.call_at(due, self._expire)

    def _expire(self) -> None:
        now = self._loop.time()
        for process_id, deadline in tuple(self._deadlines.items()):
            if deadline > now:
                break
            self.keep(process_id)
            if self._peer is not None:
                self._expired.add(process_id)
        self._inquire()
        self._arm()

    def _inquire(self) -> None:
        """Have the client say that it has taken what was pushed, if that matters."""
        if self._peer is None or self._inquiry is not None:
            return
        is_time = self._loop.time() >= self._may_ask_until
        added = self._forgotten.added if self._forgotten and is_time else 0
        if self._expired or added:
            self._inquiry = inquiry = object()
            self._peer.confirm(
                functools.partial(self._take_answer, inquiry, frozenset(self._expired), added)
            )

    def _take_answer(self, inquiry: object, expired: frozenset[ProcessId], added: int) -> None:
        if inquiry is not self._inquiry:
            return  # that connection is no longer the session's
        self._inquiry = None
        # Those that somebody has asked for since have more time.
        for process_id in expired & self._expired:
            self._drop(process_id)
        self._forgotten.drop(added)
        self._inquire()

    def _drop(self, process_id: ProcessId) -> None:
        self.discard(process_id)
        self._forget(process_id)
