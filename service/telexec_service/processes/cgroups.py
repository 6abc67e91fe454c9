"""A cgroup for each start: what is in it can be limited, counted and killed as a whole."""

import asyncio
import contextlib
import fcntl
import itertools
import os
import re
import time
from collections.abc import Iterator
from typing import Any, Protocol

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.process import ProcessLimits
from telexec_service.core.failure import RpcFailure
from telexec_service.processes import cgroup_files
from telexec_service.processes.cgroup_parent import CgroupError, enable_controllers
from telexec_service.processes.clone_into import CloneInto, CloneUnavailableError
from telexec_service.processes.launcher import Launcher, LauncherError
from telexec_service.processes.starting import Program
from telexec_service.processes.tree import WHOLE_HOST, Tree

FIRST_RETRY_S = 0.01
LAST_RETRY_S = 10.0
"""How long after a cgroup could not be removed it is tried again; each wait is twice the last."""

_PREFIX = "telexec-"
_OF_A_SERVICE = re.compile(rf"{_PREFIX}[0-9a-f]{{8}}")
_ATTEMPTS = 100
_CPU_PERIOD_US = 100_000

CONTROLLERS = {
    "tree_memory_bytes": "memory",
    "tree_tasks": "pids",
    "tree_cpu_percent": "cpu",
}
"""By the names of limits in `ProcessLimits`, who enforces them."""


class Entrance(Protocol):
    """A way for children to get into a cgroup before their program runs."""

    def start(self, group: str, directory: int, program: Program) -> int:
        """Start a program in a cgroup, also given as a descriptor, and return its pid."""
        ...

    def try_entering(self, group: str) -> bool:
        """Return whether it works there."""
        ...

    def close(self) -> None:
        """Give back what it holds. Idempotent."""
        ...


class Place:
    """A cgroup that a program is about to be started in; to start it opens no descriptor.

    Raises:
        OSError: It is not there, or there is no descriptor for it.
    """

    __slots__ = ("_directory", "_entrance", "_group")

    def __init__(self, entrance: Entrance, group: str) -> None:
        self._entrance = entrance
        self._group = group
        self._directory = os.open(group, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def start(self, program: Program) -> int:
        """Start a program there and return its pid.

        Raises:
            OSError: It cannot be started.
        """
        return self._entrance.start(self._group, self._directory, program)

    def close(self) -> None:
        """Give the descriptor back; to be called once."""
        os.close(self._directory)


class Cgroups:
    """The cgroups of one service, from `__init__` to `close`.

    They are below one of its own, on which it keeps a lock (flock(2)) for as long as it lives: what
    is not locked was left behind by a service that is dead, and is killed and removed here.

    Args:
        parent: The directory of the cgroup below which they are to be.
        family: A number that no other service has.
        log: A structlog logger.

    Attributes:
        directory: That of the service's.
        limits: By their names in `ProcessLimits`, the limits that trees can have here.

    Raises:
        CgroupError: There can be none.
    """

    def __init__(self, parent: str, family: int, log: Any) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._groups: dict[int, str] = {}
        self._left: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._retry_s = FIRST_RETRY_S
        self._timer: asyncio.TimerHandle | None = None
        self.directory = f"{parent}/{_PREFIX}{family:08x}"
        try:
            self._sweep(parent)
            self._lock = _make_and_lock(self.directory)
        except OSError as error:
            raise CgroupError(
                f"cannot give processes cgroups below {parent}: {error.strerror}"
            ) from error
        try:
            enable_controllers(parent)
            enabled = enable_controllers(self.directory)
            self._entrance = self._choose_entrance()
        except BaseException:
            self._remove_own()
            raise
        self.limits = tuple(name for name, it in CONTROLLERS.items() if it in enabled)
        self._counts_memory = "memory" in enabled

    @property
    def tells_failures(self) -> bool:
        """Whether a start fails when its program cannot be executed; if not, it only ends."""
        return isinstance(self._entrance, CloneInto)

    def make(self, serial: int, limits: ProcessLimits) -> "Place":
        """Make a cgroup to start a program in.

        Args:
            serial: That of the program's mark.
            limits: Of which those of trees are meant.

        Raises:
            RpcFailure: There can be none, or not with these limits.
        """
        group = f"{self.directory}/{next(self._numbers)}"
        try:
            self._make(group, limits)
            place = Place(self._entrance, group)
        except OSError as error:
            cgroup_files.remove(group)
            raise RpcFailure(
                ErrorCode.INTERNAL,
                ErrorReason.SPAWN_FAILED,
                f"cannot start anything in a cgroup of its own: {error.strerror}",
            ) from error
        self._groups[serial] = group
        return place

    def kill(self, tree: Tree) -> None:
        """Kill all that is in the cgroups of a tree."""
        if tree is WHOLE_HOST:
            cgroup_files.kill(self.directory)
            return
        for group in self._of(tree):
            cgroup_files.kill(group)

    def pids(self, tree: Tree) -> set[int]:
        """Return the processes that are in the cgroups of a tree."""
        if tree is WHOLE_HOST:
            return set(cgroup_files.pids(self.directory))
        return {pid for group in self._of(tree) for pid in cgroup_files.pids(group)}

    def ran_out_of_memory(self, serial: int) -> bool:
        """Return whether the kernel has killed some of a start because memory was short."""
        group = self._groups.get(serial)
        return self._counts_memory and group is not None and cgroup_files.count_oom_kills(group) > 0

    def release(self, serial: int) -> None:
        """Remove a cgroup as soon as nothing is in it any more: its process has ended.

        Where there is none, this does nothing.
        """
        group = self._groups.get(serial)
        if group is None or self._try_to_remove(serial, group):
            return
        self._left[group] = serial
        self.look()

    def look(self) -> None:
        """Look soon whether some of what was left in cgroups is gone."""
        if self._left:
            self._retry_s = FIRST_RETRY_S
            self._arm()

    async def close(self) -> None:
        """Kill all that is left, and remove the service's cgroup. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lock < 0:
            return
        cgroup_files.kill(self.directory)
        for _ in range(cgroup_files.POLLS):
            if cgroup_files.remove(self.directory):
                break
            await asyncio.sleep(cgroup_files.POLL_S)
        self.discard()

    def discard(self) -> None:
        """Remove the service's cgroup, in which nothing is to be any more, without waiting."""
        self._remove_own()
        self._entrance.close()

    def _of(self, tree: Tree) -> Iterator[str]:
        return (group for serial, group in self._groups.items() if serial in tree)

    def _make(self, group: str, limits: ProcessLimits) -> None:
        os.mkdir(group)
        if limits.tree_memory_bytes is not None:
            cgroup_files.write(group, "memory.max", str(limits.tree_memory_bytes))
            with contextlib.suppress(FileNotFoundError):
                # Not more than that by way of the disk, either.
                cgroup_files.write(group, "memory.swap.max", "0")
        if self._counts_memory:
            # What is left of a tree when the kernel has killed some of it would be no use.
            cgroup_files.write(group, "memory.oom.group", "1")
        if limits.tree_tasks is not None:
            cgroup_files.write(group, "pids.max", str(limits.tree_tasks))
        if limits.tree_cpu_percent is not None:
            quota_us = limits.tree_cpu_percent * _CPU_PERIOD_US // 100
            cgroup_files.write(group, "cpu.max", f"{quota_us} {_CPU_PERIOD_US}")

    def _try_to_remove(self, serial: int, group: str) -> bool:
        if not cgroup_files.remove(group):
            return False
        self._left.pop(group, None)
        # Another start may have the serial by now.
        if self._groups.get(serial) == group:
            del self._groups[serial]
        return True

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self._retry_s, self._look_at_left)

    def _look_at_left(self) -> None:
        self._timer = None
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)
        for group, serial in tuple(self._left.items()):
            self._try_to_remove(serial, group)
        if self._left:
            self._arm()

    def _choose_entrance(self) -> Entrance:
        group = f"{self.directory}/trial"
        reasons: list[str] = []
        try:
            os.mkdir(group)
            for kind in (CloneInto, Launcher):
                try:
                    entrance: Entrance = kind()
                except (CloneUnavailableError, LauncherError) as error:
                    reasons.append(str(error))
                    continue
                if entrance.try_entering(group):
                    return entrance
                entrance.close()
                reasons.append("the kernel lets no child in")
        except OSError as error:
            reasons.append(str(error.strerror))
        finally:
            cgroup_files.remove_soon(group)
        raise CgroupError(
            f"cannot give processes cgroups below {self.directory}: {'; '.join(reasons)}"
        )

    def _remove_own(self) -> None:
        if not cgroup_files.remove(self.directory):
            self._log.warning(
                "cgroups.left", directory=self.directory, pids=cgroup_files.pids(self.directory)
            )
        os.close(self._lock)
        self._lock = -1

    def _sweep(self, parent: str) -> None:
        """Kill and remove what services before this one have left behind."""
        for name in os.listdir(parent):
            group = f"{parent}/{name}"
            # Another user's is for that user to sweep.
            if not _OF_A_SERVICE.fullmatch(name) or not os.access(group, os.W_OK):
                continue
            lock = _try_to_lock(group)
            if lock is None:
                continue
            try:
                self._sweep_one(group)
            finally:
                os.close(lock)

    def _sweep_one(self, group: str) -> None:
        pids = cgroup_files.pids(group)
        cgroup_files.kill(group)
        if not cgroup_files.remove_soon(group):
            self._log.warning("cgroups.left", directory=group, pids=cgroup_files.pids(group))
        elif pids:
            self._log.warning("cgroups.swept", directory=group, pids=pids)


def _make_and_lock(directory: str) -> int:
    for _ in range(_ATTEMPTS):
        os.makedirs(directory, exist_ok=True)
        lock = _try_to_lock(directory)
        if lock is not None:
            if os.path.exists(directory):
                return lock
            os.close(lock)
        # Another service that starts just now took it for one that was left behind.
        time.sleep(cgroup_files.POLL_S)
    raise TimeoutError(0, "another service removes what this one makes")


def _try_to_lock(directory: str) -> int | None:
    try:
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
