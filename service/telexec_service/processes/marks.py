"""Marks: what tells of any process on this host from which start it comes.

A mark is a number in the soft limit RLIMIT_RTTIME, which every process inherits and keeps over
fork, exec, setsid and a new parent. The limit is for processes with real-time scheduling
(getrlimit(2)), and as a mark it is thousands of years: it limits nothing. Nobody needs a privilege
to set it, and everybody can read it, with prlimit(2) or in /proc/PID/limits.

This module and `census` import next to nothing: the guardian runs them without the service.
"""

import os
import resource
from collections.abc import Generator
from contextlib import contextmanager

_LIMIT = resource.RLIMIT_RTTIME
_LIMIT_LINE = b"Max realtime timeout"
_TAG = 1
_TAG_SHIFT = 62
_FAMILY_BITS = 30
_SERIAL_BITS = 32

BLOCK_SIZE = 1024
"""How many serials a session takes at once."""

_BLOCKS = 2**_SERIAL_BITS // BLOCK_SIZE

SERIALS = range(2**_SERIAL_BITS)

LEADERS = 4096
"""Above so many, leaders whose sessions have ended are forgotten."""


class Mark:
    """A number that no two services (`family`) and no two starts of one (`serial`) share."""

    __slots__ = ("family", "serial")

    def __init__(self, family: int, serial: int) -> None:
        self.family = family
        self.serial = serial

    @property
    def limit(self) -> int:
        """The value of the resource limit that is this mark."""
        return _TAG << _TAG_SHIFT | self.family << _SERIAL_BITS | self.serial


class Marks:
    """The marks of one service, and the laying of them on what it starts.

    A family is a random number: services on one host, also nested ones, do not know each other.

    Attributes:
        are_kept: Whether this host lets the limit be set and read as marks need it. If not, a
            start is told by the session that its process leads (setsid(2)), and what leaves that
            is not.
        leaders: By their pids, the serials of such processes; only where marks are not kept.
    """

    def __init__(self) -> None:
        self.family = int.from_bytes(os.urandom(4)) >> (32 - _FAMILY_BITS)
        self.leaders: dict[int, Mark] = {}
        self._first_limit = Mark(self.family, 0).limit
        self._own = resource.getrlimit(_LIMIT)
        # The first one is for what belongs to no session.
        self._next_block = 1
        self._taken: set[int] = set()
        self.are_kept = True
        self.are_kept = self._try()

    @property
    def own_mark(self) -> Mark | None:
        """The mark that this process was given itself; None: it runs in no tree."""
        return to_mark(self._own[0])

    def note_leader(self, pid: int, serial: int) -> None:
        """Note who leads the session of a start."""
        if self.are_kept:
            return
        if len(self.leaders) >= LEADERS:
            self.leaders = {pid: it for pid, it in self.leaders.items() if _has_session(pid)}
        self.leaders[pid] = Mark(self.family, serial)

    def take_block(self) -> range:
        """Return serials that are in no other block that is taken."""
        while self._next_block in self._taken:
            self._next_block = (self._next_block + 1) % _BLOCKS
        block = self._next_block
        self._taken.add(block)
        self._next_block = (block + 1) % _BLOCKS
        return range(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE)

    def give_block_back(self, block: range) -> None:
        """Let a block be taken again: nothing lives that has a mark of it."""
        self._taken.discard(block.start // BLOCK_SIZE)

    @contextmanager
    def laid(self, serial: int) -> Generator[None]:
        """Have everything that this process starts in the block carry a mark."""
        self.lay(serial)
        try:
            yield
        finally:
            self.lift()

    def lay(self, serial: int) -> None:
        """Have everything that this process starts carry a mark, until `lift`.

        Nothing of this process but the start may depend on the limit meanwhile; nothing does.
        """
        if self.are_kept:
            resource.setrlimit(_LIMIT, (self._first_limit + serial, self._own[1]))

    def lift(self) -> None:
        """Have what this process starts carry no mark, or the one that it was given itself."""
        if self.are_kept:
            resource.setrlimit(_LIMIT, self._own)

    def _try(self) -> bool:
        try:
            with self.laid(0):
                return read_mark(os.getpid()) is not None
        except (OSError, ValueError):
            # The hard limit is lower, or the system does not have this limit.
            return False


def read_mark(pid: int) -> Mark | None:
    """Return the mark of a process, a zombie's too; None if it has none or is gone."""
    try:
        return to_mark(resource.prlimit(pid, _LIMIT)[0])
    except ProcessLookupError:
        return None
    except PermissionError:
        # Another user's, such as that of a program with the setuid bit.
        return _read_mark_of_others(pid)


def to_mark(limit: int) -> Mark | None:
    """Return the mark that a soft limit is."""
    if limit >> _TAG_SHIFT != _TAG:
        return None
    rest = limit & (1 << _TAG_SHIFT) - 1
    return Mark(rest >> _SERIAL_BITS, rest & (1 << _SERIAL_BITS) - 1)


def _has_session(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read_mark_of_others(pid: int) -> Mark | None:
    try:
        with open(f"/proc/{pid}/limits", "rb") as file:
            for line in file:
                if line.startswith(_LIMIT_LINE):
                    soft = line[len(_LIMIT_LINE) :].split()[0]
                    return to_mark(int(soft)) if soft.isdigit() else None
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # It is gone, or hidden from us (proc(5), hidepid).
        return None
    return None
