"""The files of cgroups, version 2 (cgroups(7), Documentation/admin-guide/cgroup-v2.rst).

This module imports next to nothing: the guardian runs it without the service.
"""

import errno
import os
import time
from collections.abc import Iterator

POLL_S = 0.01
POLLS = 100
"""How often what was killed is looked at before its cgroup is left behind."""

_GONE = frozenset({errno.ENOENT, errno.ENODEV})
# A threaded cgroup does not tell its processes: the one above it does.
_TELLS_NOTHING = frozenset({errno.EOPNOTSUPP, *_GONE})


def write(group: str, name: str, text: str) -> None:
    """Write to a file of a cgroup.

    Raises:
        OSError: The kernel does not take it, or there is no such file.
    """
    descriptor = os.open(f"{group}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def read(group: str, name: str) -> str:
    """Return what a file of a cgroup holds.

    Raises:
        OSError: It cannot be read.
    """
    with open(f"{group}/{name}", encoding="ascii") as file:
        return file.read()


def pids(group: str) -> list[int]:
    """Return the processes in a cgroup and in those below; none if it is gone."""
    found: list[int] = []
    for each in (group, *below(group)):
        try:
            found += map(int, read(each, "cgroup.procs").split())
        except OSError as error:
            if error.errno not in _TELLS_NOTHING:
                raise
    return found


def below(group: str) -> Iterator[str]:
    """Yield every cgroup below one, those above before those below them."""
    try:
        with os.scandir(group) as entries:
            inner = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        if error.errno not in _GONE:
            raise
        return
    for path in inner:
        yield path
        yield from below(path)


def kill(group: str) -> None:
    """Kill all that is in a cgroup and below, also what is being started (since Linux 5.14).

    Nobody can escape it, and it asks nobody whose the processes are.
    """
    try:
        write(group, "cgroup.kill", "1")
    except OSError as error:
        if error.errno not in _GONE:
            raise


def remove(group: str) -> bool:
    """Remove a cgroup with all below; False if processes are in there."""
    try:
        os.rmdir(group)
    except OSError as error:
        if error.errno in _GONE:
            return True
        if error.errno != errno.EBUSY:
            raise
    else:
        return True
    try:
        for inner in reversed(list(below(group))):
            os.rmdir(inner)
        os.rmdir(group)
    except OSError as error:
        if error.errno not in {errno.EBUSY, *_GONE}:
            raise
        return False
    return True


def remove_soon(group: str) -> bool:
    """Do the same, and wait a moment for what was killed; False if it is still there."""
    for _ in range(POLLS):
        if remove(group):
            return True
        time.sleep(POLL_S)
    return False


def count_oom_kills(group: str) -> int:
    """Return how many processes of a cgroup the kernel has killed because memory was short.

    0 where nobody counts: without the memory controller.
    """
    try:
        lines = read(group, "memory.events").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
