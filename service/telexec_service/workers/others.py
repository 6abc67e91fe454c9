"""What a worker asks the others."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from telexec_schemas.session import SessionList
from telexec_service.core.session_lists import OthersLists
from telexec_service.workers.channel import ChannelError
from telexec_service.workers.list_file import read_list
from telexec_service.workers.messages import Asked, AskOthers, Message, SaidList

ANSWER_TIMEOUT_S = 1.0
"""How long the others have to answer; then those that have not are silent."""


class Others:
    """The other workers' sessions: one question at a time, whoever waits for its answers.

    Args:
        slots: Which the others are.
        send: Says something to the supervisor.
        log: A structlog logger.
    """

    def __init__(self, slots: frozenset[int], send: Callable[[Message], None], log: Any) -> None:
        self._slots = slots
        self._send = send
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._waiting: set[asyncio.Future[OthersLists]] = set()
        self._asking: set[asyncio.Future[OthersLists]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._unheard: set[int] = set()
        self._silent: set[int] = set()
        self._lists: list[SessionList] = []

    async def ask(self) -> OthersLists:
        """Return what the others have at a moment after this was asked."""
        answer: asyncio.Future[OthersLists] = self._loop.create_future()
        self._waiting.add(answer)
        try:
            # What is under way may have been answered in part.
            if self._timer is None:
                self._begin()
            return await answer
        finally:
            self._waiting.discard(answer)
            self._asking.discard(answer)

    def take_asked(self, asked: Asked) -> None:
        """Learn which of the others answer, if they do."""
        if self._is_current(asked.number):
            self._unheard = set(asked.slots)
            self._silent = set(asked.silent)
            self._look()

    def take_list(self, said: SaidList, file: int | None) -> None:
        """Take the answer of one; the descriptor is ours from here on."""
        if not self._is_current(said.number) or said.owner not in self._unheard:
            if file is not None:
                os.close(file)
            return
        self._unheard.discard(said.owner)
        try:
            if file is None:
                self._silent.add(said.owner)
            else:
                self._lists.append(read_list(file))
        except (OSError, ValueError) as error:
            self._log.warning("worker.unlisted", from_worker=said.owner, error=str(error))
            self._silent.add(said.owner)
        self._look()

    def close(self) -> None:
        """Ask nobody any more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self) -> None:
        self._number += 1
        self._asking, self._waiting = self._waiting, set()
        self._unheard, self._silent, self._lists = set(self._slots), set(), []
        self._timer = self._loop.call_later(ANSWER_TIMEOUT_S, self._finish)
        try:
            self._send(AskOthers(self._number))
        except ChannelError as error:
            self._log.warning("worker.unlisted", error=str(error))
            self._finish()

    def _is_current(self, number: int) -> bool:
        return self._timer is not None and number == self._number

    def _look(self) -> None:
        if not self._unheard:
            self._finish()

    def _finish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        answers, self._asking = self._asking, set()
        said = OthersLists(tuple(self._lists), tuple(self._silent | self._unheard))
        for answer in answers:
            if not answer.done():
                answer.set_result(said)
        if self._waiting:
            self._begin()
