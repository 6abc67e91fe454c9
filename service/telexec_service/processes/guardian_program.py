"""What the guardian runs; see `guardian`. It imports little, so that it is small and soon there."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping

from telexec_service.core.ending import Action, Ladder
from telexec_service.processes import cgroup_files
from telexec_service.processes.census import Census, Member, with_descendants
from telexec_service.processes.marks import Mark, Marks

NAME = "telexec-guard"
"""What `ps` and `top` show."""

_ATTEMPTS = 3


def main() -> None:
    """Wait until whoever holds the other end of stdin is gone, and end all that it started.

    The arguments of the program: where the packages are, the family of the service's marks, and
    the cgroup of all that it starts, or nothing.
    """
    os.chdir("/")
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write(NAME)
    while os.read(0, 1):
        pass
    family, group = sys.argv[2:]
    if group:
        # What cannot be killed so is killed by its mark.
        with contextlib.suppress(OSError):
            cgroup_files.kill(group)
    end_family(int(family), os.getppid())
    if group:
        # If something is in there still, the next service removes it.
        with contextlib.suppress(OSError):
            cgroup_files.remove_soon(group)


def end_family(family: int, adopter: int | None = None) -> set[int]:
    """Kill every process with a mark of a family, and what descends from it, until none is left.

    What cannot be killed is given up after a while.

    Args:
        family: Of a service that is dead.
        adopter: Whose children those have become that lost their parent with the service, and with
            other services that ran in its trees; None: what those started is left alone.

    Returns:
        All that was found of it.
    """
    found: set[int] = set()
    families = {family}
    census = Census(Marks())
    ladder = Ladder(time.monotonic(), 0)
    refused: set[int] = set()
    while True:
        marked = census.marked()
        roots = [
            pid
            for pid, mark in marked.items()
            if mark.family == family
            or (mark.family in families and _is_adopted(pid, adopter, families, marked))
        ]
        members = with_descendants(roots, marked, {os.getpid()})
        # A service that ran in one of them is gone now, and what it started is not.
        families.update(it.mark.family for it in members.values() if it.mark is not None)
        found |= members.keys()
        step = ladder.step(time.monotonic(), members.keys(), refused)
        if step.action is Action.GIVE_UP:
            return found
        number = signal.SIGSTOP if step.action is Action.FREEZE else signal.SIGKILL
        for pid, member in members.items():
            try:
                member.send((number,))
            except ProcessLookupError:
                continue
            except PermissionError:
                refused.add(pid)
        time.sleep(step.look_again_s)


def _is_adopted(
    pid: int, adopter: int | None, families: set[int], marked: Mapping[int, Mark]
) -> bool:
    """Tell whether a process, or what it descends from, has lost the service that started it.

    Anybody can give himself the mark of a service that lives: what that one started descends from
    it.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _leads_to(pid, adopter, families, marked)
        except ProcessLookupError:
            continue  # one of them has just ended
    return False


def _leads_to(
    pid: int, adopter: int | None, families: set[int], marked: Mapping[int, Mark]
) -> bool:
    while (parent := Member(pid, None).parent) != adopter:
        mark = marked.get(parent)
        if mark is None or mark.family not in families:
            return False
        pid = parent
    return True
