"""What the guardian runs; see `guardian`. It imports little, so that it is small and soon there."""

import contextlib
import os
import signal
import sys
import time

from telexec_service.core.ending import Action, Ladder
from telexec_service.processes import cgroup_files
from telexec_service.processes.census import Census, with_descendants
from telexec_service.processes.marks import Marks

NAME = "telexec-guard"
"""What `ps` and `top` show."""


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
    end_family(int(family))
    if group:
        # If something is in there still, the next service removes it.
        with contextlib.suppress(OSError):
            cgroup_files.remove_soon(group)


def end_family(family: int) -> set[int]:
    """Kill every process with a mark of a family, and what descends from it, until none is left.

    What cannot be killed is given up after a while.

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
        roots = [pid for pid, mark in marked.items() if mark.family in families]
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
