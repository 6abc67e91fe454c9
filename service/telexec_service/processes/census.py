"""Looking at every process of the host: which ones carry a mark, and what descends from them."""

import os
import signal
from collections.abc import Collection, Iterator, Mapping

from telexec_service.processes.marks import Mark, Marks, read_mark

_DEAD = frozenset("ZXx")


class Member:
    """A process as it was seen. `started` tells it from a later one with the same pid."""

    __slots__ = ("mark", "parent", "pid", "session", "started", "state")

    def __init__(self, pid: int, mark: Mark | None) -> None:
        """Raises: ProcessLookupError: It is gone."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                # The name in parentheses may hold anything.
                fields = file.read().rpartition(b")")[2].split()
        except (FileNotFoundError, PermissionError) as error:
            raise ProcessLookupError from error
        self.pid = pid
        self.mark = mark
        self.state = chr(fields[0][0])
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.started = int(fields[19])

    @property
    def is_alive(self) -> bool:
        """Whether it is more than an entry for its parent to read (a zombie)."""
        return self.state not in _DEAD

    @property
    def is_there(self) -> bool:
        """Whether the pid is still that of this process."""
        try:
            return Member(self.pid, None).started == self.started
        except ProcessLookupError:
            return False

    def send(self, numbers: Collection[int]) -> None:
        """Send it signals, and never to another process that got its pid.

        Raises:
            ProcessLookupError: It is gone.
            PermissionError: It became another user's.
        """
        descriptor = os.pidfd_open(self.pid)
        try:
            # What the descriptor stands for lives, or the signal goes nowhere: so if the pid is
            # still the one that was seen, both are the same process.
            if not self.is_there:
                raise ProcessLookupError
            for number in numbers:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)

    def user(self) -> int | None:
        """Return the user whose it is; None if it is gone."""
        try:
            with open(f"/proc/{self.pid}/status", "rb") as file:
                line = next(line for line in file if line.startswith(b"Uid:"))
        except (FileNotFoundError, ProcessLookupError):
            return None
        return int(line.split()[1])


class Census:
    """Finds marked processes.

    Processes of other users are looked at once and then known: reading their limits takes long.
    """

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._strangers: dict[int, int] = {}

    def marked(self) -> dict[int, Mark]:
        """Return every process of the host that carries a mark, zombies too."""
        if not self._marks.are_kept:
            return dict(_in_sessions(self._marks.leaders))
        found: dict[int, Mark] = {}
        strangers: dict[int, int] = {}
        for pid in _all_pids():
            known = self._strangers.get(pid)
            if known is not None and known == _created(pid):
                strangers[pid] = known
                continue
            mark = read_mark(pid)
            if mark is not None:
                found[pid] = mark
            elif (created := _created_by_others(pid)) is not None:
                strangers[pid] = created
        self._strangers = strangers
        return found


def with_descendants(
    roots: Collection[int], marked: dict[int, Mark], keep_out: Collection[int]
) -> dict[int, Member]:
    """Return the living ones of `roots` and all that descends from them, marked or not.

    What changed its mark, such as a program that resets its limits, is still found as long as it
    has a parent that is found.
    """
    found: dict[int, Member] = {}
    stack = list(roots)
    while stack:
        pid = stack.pop()
        if pid in found or pid in keep_out:
            continue
        try:
            member = Member(pid, marked.get(pid))
        except ProcessLookupError:
            continue
        if member.is_alive:
            found[pid] = member
            stack += children(pid)
    return found


def children(pid: int) -> Iterator[int]:
    """Yield the children of a process; none where the kernel does not tell (proc(5))."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                yield from map(int, file.read().split())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return


def _all_pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())


def _in_sessions(leaders: Mapping[int, Mark]) -> Iterator[tuple[int, Mark]]:
    for pid in _all_pids():
        try:
            mark = leaders.get(Member(pid, None).session)
        except ProcessLookupError:
            continue
        if mark is not None:
            yield pid, mark


def _created_by_others(pid: int) -> int | None:
    try:
        status = os.stat(f"/proc/{pid}")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if status.st_uid == os.geteuid() else status.st_ctime_ns


def _created(pid: int) -> int | None:
    """Return when the kernel first showed a process: another one with this pid has another time."""
    try:
        return os.stat(f"/proc/{pid}").st_ctime_ns
    except (FileNotFoundError, ProcessLookupError):
        return None
