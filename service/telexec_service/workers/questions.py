"""Questions that workers have for each other."""

import os

from telexec_service.workers.crew import Crew
from telexec_service.workers.messages import Asked, AskOthers, SaidList, SayList
from telexec_service.workers.worker_process import WorkerProcess


class Questions:
    """Passes on what a worker wants to know of the others, and what they say.

    A worker that does not answer has one question of each other one to answer, and no more.

    Args:
        crew: The workers.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def ask(self, asker: WorkerProcess, question: AskOthers) -> None:
        """Ask all others, and tell who asks which these are."""
        # One that is not ready has no sessions.
        others = [worker for worker in self._crew.ready if worker is not asker]
        asked = [worker for worker in others if asker.slot not in worker.owes]
        silent = tuple(worker.slot for worker in others if worker not in asked)
        # Before the first of the answers.
        asker.tell(Asked(question.number, tuple(worker.slot for worker in asked), silent))
        for worker in asked:
            worker.owes.add(asker.slot)
            worker.tell(SayList(asker.slot, question.number))

    def take(self, owner: WorkerProcess, said: SaidList, descriptor: int | None) -> None:
        """Pass an answer on."""
        owner.owes.discard(said.asker)
        asker = self._crew.at(said.asker)
        if asker is not None:
            asker.tell(said, descriptor)
        elif descriptor is not None:
            os.close(descriptor)
