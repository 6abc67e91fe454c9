"""Ending trees of processes."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from telexec_schemas.process import Survivor
from telexec_service.core.ending import Action, Ladder
from telexec_service.processes.census import Census, Member, children, with_descendants
from telexec_service.processes.cgroups import Cgroups
from telexec_service.processes.marks import Mark, Marks
from telexec_service.processes.tree import WHOLE_HOST, Tree

LOOKS_IN_A_ROW = 20
"""How often a tree that starts new processes is looked at before anything else is served."""

RETRY_S = 0.05
"""How long after a look that failed, because the host is short of something, there is another."""

_ASK = (signal.SIGTERM, signal.SIGCONT)
_SPARE_DESCRIPTORS = 2
"""How many descriptors a look needs at the same time."""


class _Ending(msgspec.Struct, eq=False):
    tree: Tree
    ladder: Ladder
    done: asyncio.Future[tuple[Survivor, ...]]
    next_look: float = 0.0
    refused: set[int] = msgspec.field(default_factory=set[int])
    on_kill: Callable[[], None] | None = None
    foreign: set[int] = msgspec.field(default_factory=set[int])
    """Families of services that run in this tree."""
    unmarked: dict[int, Member] = msgspec.field(default_factory=dict[int, Member])
    """Descendants without a mark, as they were seen: once their parents are gone nothing else tells
    of those that are not dead yet."""
    in_cgroups: set[int] = msgspec.field(default_factory=set[int])
    """Pids that were seen in its cgroups: those are killed whosoever's they are."""


class TreeEnder:
    """Ends trees of processes, and does not stop before nothing of them is left.

    One look at the host's processes serves all trees that are ending. Everything happens in
    callbacks of the loop.

    Args:
        spared: Returns the pids of what belongs to the service itself.
        starts: Returns the pids of the service's children, which are theirs until somebody has
            waited for them, and their serials: they may have changed their marks.
        on_gone: Called when nothing of a tree is left, before anybody is told: the loop may not
            have said yet that a child has ended, and how.
        log: A structlog logger.
        cgroups: In which processes are as well; None: there are none.
    """

    def __init__(
        self,
        marks: Marks,
        spared: Callable[[], Iterable[int]],
        starts: Callable[[], Iterable[tuple[int, int | None]]],
        on_gone: Callable[[], None],
        log: Any,
        *,
        cgroups: Cgroups | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._family = marks.family
        self._census = Census(marks)
        self._spared = spared
        self._starts = starts
        self._on_gone = on_gone
        self._log = log
        self._cgroups = cgroups
        self._endings: dict[Tree, _Ending] = {}
        self._spare: list[int] = []
        self._keep_spare()
        self._timer: asyncio.TimerHandle | None = None
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def end(
        self, tree: Tree, grace_s: float, *, on_kill: Callable[[], None] | None = None
    ) -> asyncio.Future[tuple[Survivor, ...]]:
        """Have a tree ended: TERM and, `grace_s` later, KILL; 0: KILL.

        Nothing is signalled before the callback that this was called from is over. A tree that is
        ending already has no longer than that from now on.

        Args:
            tree: What to end.
            grace_s: In seconds.
            on_kill: Called once if KILL is needed.

        Returns:
            Done when nothing of it is left but what cannot be ended, which is the result.
        """
        now = self._loop.time()
        ending = self._endings.get(tree)
        if ending is None:
            done: asyncio.Future[tuple[Survivor, ...]] = self._loop.create_future()
            ending = self._endings[tree] = _Ending(
                tree, Ladder(now, grace_s), done, on_kill=on_kill
            )
            self._is_empty.clear()
        else:
            ending.ladder.hurry(now, grace_s)
        ending.next_look = now
        self._arm()
        return ending.done

    async def wait_until_empty(self) -> None:
        """Return once no tree is ending any more."""
        await self._is_empty.wait()

    def close(self) -> None:
        """Leave what is still ending to its fate. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for ending in tuple(self._endings.values()):
            self._finish(ending, ())
        self._free_spare()

    def look(self) -> None:
        """Look at every tree that is ending now: something of them may have ended."""
        now = self._loop.time()
        for ending in self._endings.values():
            ending.next_look = now
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._endings:
            due = min(ending.next_look for ending in self._endings.values())
            self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        # A service that has no descriptors left must still be able to end what has them.
        self._free_spare()
        try:
            self._look_in_a_row()
        except OSError as error:
            self._log.warning("processes.unseen", error=error.strerror)
            self._timer = self._loop.call_later(RETRY_S, self._look)
        else:
            self._arm()
        finally:
            self._keep_spare()

    def _look_in_a_row(self) -> None:
        for _ in range(LOOKS_IN_A_ROW):
            now = self._loop.time()
            due = [ending for ending in self._endings.values() if ending.next_look <= now]
            if not due:
                return
            marked = self._marked()
            for ending in due:
                self._step(ending, marked, now)

    def _marked(self) -> dict[int, Mark]:
        marked = self._census.marked()
        for pid, serial in self._starts():
            mark = marked.get(pid)
            if serial is None or (
                mark is not None and (mark.family, mark.serial) == (self._family, serial)
            ):
                continue
            # It has changed its mark, as su(1) may where PAM sets limits: we know better.
            marked[pid] = Mark(self._family, serial)
        return marked

    def _keep_spare(self) -> None:
        with contextlib.suppress(OSError):
            while len(self._spare) < _SPARE_DESCRIPTORS:
                self._spare.append(os.open(os.devnull, os.O_PATH | os.O_CLOEXEC))

    def _free_spare(self) -> None:
        while self._spare:
            os.close(self._spare.pop())

    def _step(self, ending: _Ending, marked: dict[int, Mark], now: float) -> None:
        members = self._members(ending, marked)
        step = ending.ladder.step(now, members.keys(), ending.refused)
        if step.action is Action.GIVE_UP:
            self._on_gone()
            survivors = [Survivor(pid, member.user()) for pid, member in members.items()]
            self._finish(ending, tuple(survivors))
            return
        ending.next_look = now + step.look_again_s
        if step.action is Action.ASK:
            self._signal(ending, members, _ASK)
        elif step.action is Action.FREEZE:
            self._signal(ending, members, (signal.SIGSTOP,))
        elif step.action is Action.KILL:
            if ending.on_kill is not None:
                ending.on_kill()
                ending.on_kill = None
            if self._cgroups is not None:
                self._cgroups.kill(ending.tree)
            if len(members) > 1:
                # None is to go on, and do what it would do next, because another one was killed.
                self._signal(ending, members, (signal.SIGSTOP,))
            self._signal(ending, members, (signal.SIGKILL,))

    def _members(self, ending: _Ending, marked: dict[int, Mark]) -> dict[int, Member]:
        spared = {os.getpid(), *self._spared()}
        if self._cgroups is not None:
            ending.in_cgroups = self._cgroups.pids(ending.tree)
        while True:
            roots = {
                pid
                for pid, mark in marked.items()
                if mark.family == self._family and mark.serial in ending.tree
            }
            roots |= ending.in_cgroups
            roots |= self._unmarked(ending.tree)
            if ending.foreign:
                # Anybody can give himself the mark of another service: what that one started is
                # not among the descendants of this one, which adopts all orphans of its own.
                below = with_descendants(list(children(os.getpid())), marked, spared)
                of_foreign = {pid for pid, mark in marked.items() if mark.family in ending.foreign}
                roots |= below.keys() & of_foreign
            if ending.tree is WHOLE_HOST:
                roots.update(children(os.getpid()))
            members = with_descendants(roots, marked, spared)
            marks = (member.mark for member in members.values())
            foreign = {mark.family for mark in marks if mark is not None}
            foreign -= {self._family, *ending.foreign}
            if not foreign:
                ending.unmarked = {pid: it for pid, it in members.items() if it.mark is None}
                return members
            # A service runs in the tree: what it started stays in it, whatever becomes of it.
            ending.foreign |= foreign

    def _unmarked(self, tree: Tree) -> set[int]:
        """Return what is known to be in a tree, and in those within it that are ending as well."""
        return {
            pid
            for ending in self._endings.values()
            if tree.holds(ending.tree)
            for pid, member in ending.unmarked.items()
            if member.is_there
        }

    def _signal(
        self, ending: _Ending, members: dict[int, Member], numbers: tuple[signal.Signals, ...]
    ) -> None:
        for pid, member in members.items():
            if pid in ending.refused:
                continue
            try:
                member.send(numbers)
            except ProcessLookupError:
                continue
            except PermissionError:
                if pid not in ending.in_cgroups:
                    ending.refused.add(pid)

    def _finish(self, ending: _Ending, survivors: tuple[Survivor, ...]) -> None:
        del self._endings[ending.tree]
        if self._cgroups is not None:
            self._cgroups.look()
        if survivors:
            self._log.warning("processes.survived", pids=[survivor.pid for survivor in survivors])
        if not ending.done.done():
            ending.done.set_result(survivors)
        if not self._endings:
            self._is_empty.set()
