"""Adding up the numbers of all workers."""

import asyncio
from collections.abc import Callable

from telexec_service.observability.numbers import Numbers
from telexec_service.workers.crew import Crew
from telexec_service.workers.messages import Count, Counted, Total
from telexec_service.workers.worker_process import WorkerProcess

COUNT_TIMEOUT_S = 1.0
"""How long a worker has to say its numbers; then those that it said last must do."""


class Adding:
    """Asks the workers for their numbers when one of them is asked for those of all.

    Args:
        crew: The workers.
        own: Returns the numbers of the supervisor.
    """

    def __init__(self, crew: Crew, own: Callable[[], Numbers]) -> None:
        self._crew = crew
        self._own = own
        self._loop = asyncio.get_running_loop()
        self._asked_by: set[int] = set()
        self._awaited: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, worker: WorkerProcess) -> None:
        """Tell a worker the numbers of all as soon as they are known."""
        is_under_way = bool(self._asked_by)
        self._asked_by.add(worker.slot)
        if is_under_way:
            return
        self._awaited = {each.slot for each in self._crew.ready}
        self._timer = self._loop.call_later(COUNT_TIMEOUT_S, self._finish)
        self.count()

    def count(self) -> None:
        """Ask all workers for their numbers."""
        for worker in self._crew.ready:
            worker.is_silent = True
            worker.tell(Count())

    def take(self, worker: WorkerProcess, counted: Counted) -> None:
        """Take the numbers of a worker."""
        worker.is_silent = False
        worker.numbers = counted.numbers
        self._awaited.discard(worker.slot)
        self.look()

    def look(self) -> None:
        """See whether some that are awaited have ended."""
        if self._asked_by and not any(each.slot in self._awaited for each in self._crew.ready):
            self._finish()

    def close(self) -> None:
        """Ask nobody any more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def _finish(self) -> None:
        self.close()
        total = self._own()
        if self._crew.past is not None:
            total = total.plus(self._crew.past)
        for worker in self._crew.ready:
            if worker.numbers is not None:
                total = total.plus(worker.numbers)
        asked_by, self._asked_by = self._asked_by, set()
        for slot in asked_by:
            asker = self._crew.at(slot)
            if asker is not None:
                asker.tell(Total(total))
