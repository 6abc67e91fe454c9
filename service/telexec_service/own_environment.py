"""Taking the service's own environment, and leaving nothing of it for others to read."""

import ctypes
import os

_PR_SET_DUMPABLE = 4
_ENV_START, _ENV_END = 49, 50
"""Positions in /proc/PID/stat (proc(5), fields 50 and 51)."""


def take_own_environment() -> dict[str, str]:
    """Return this process's environment, after taking it out of sight.

    The block that `/proc/PID/environ` shows is wiped. This process's own `getenv` goes on working.
    Call it once, early, from the main thread.
    """
    own = _started_with()
    for name, value in os.environ.items():
        # The C library makes copies of its own, so that nothing points into the block any more.
        if name:
            os.environ[name] = value
    start, end = _initial_block()
    if end > start:
        ctypes.memset(start, 0, end - start)
    return own


def shut_memory() -> None:
    """Keep other processes of the same user out of this one's memory and descriptors.

    No debugger can attach, and there are no core dumps (prctl(2), PR_SET_DUMPABLE). Root still can.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot keep other processes out of this one's memory")


def _started_with() -> dict[str, str]:
    """Return the environment that this process was started with.

    `os.environ` is not quite that: in the C locale Python adds a LC_CTYPE of its own (PEP 538).
    """
    with open("/proc/self/environ", "rb") as file:
        block = file.read()
    own: dict[str, str] = {}
    for entry in block.split(b"\0"):
        name, equals, value = entry.partition(b"=")
        # Of a name that is there twice, getenv(3) finds the first.
        if name and equals:
            own.setdefault(os.fsdecode(name), os.fsdecode(value))
    return own


def _initial_block() -> tuple[int, int]:
    with open("/proc/self/stat", "rb") as file:
        status = file.read()
    # The name in parentheses may hold blanks.
    name_end = status.rindex(b")") + 2
    fields = status[name_end:].split()
    return int(fields[_ENV_START - 2]), int(fields[_ENV_END - 2])
