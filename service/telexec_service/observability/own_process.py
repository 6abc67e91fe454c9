"""What the system knows of this process: what it takes of the host."""

import os
import resource

import msgspec

_START_FIELD, _VIRTUAL_FIELD, _RESIDENT_FIELD = 22, 23, 24
"""Positions in /proc/PID/stat (proc(5)), counted from 1."""

_BEFORE_STATE = 3


class OwnProcess(msgspec.Struct, frozen=True):
    """Bytes, seconds and numbers of descriptors; `start_s` is seconds since the epoch."""

    cpu_s: float
    resident_bytes: int
    virtual_bytes: int
    start_s: float
    open_fds: int
    max_fds: int


def read_own_process() -> OwnProcess:
    """Look at this process now."""
    with open("/proc/self/stat", "rb") as file:
        # The name in parentheses may hold anything.
        fields = file.read().rpartition(b")")[2].split()
    times = os.times()
    return OwnProcess(
        cpu_s=times.user + times.system,
        resident_bytes=int(fields[_RESIDENT_FIELD - _BEFORE_STATE]) * os.sysconf("SC_PAGE_SIZE"),
        virtual_bytes=int(fields[_VIRTUAL_FIELD - _BEFORE_STATE]),
        start_s=_boot_s() + int(fields[_START_FIELD - _BEFORE_STATE]) / os.sysconf("SC_CLK_TCK"),
        # Without the one that lists them.
        open_fds=len(os.listdir("/proc/self/fd")) - 1,
        max_fds=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    )


def added(one: OwnProcess, other: OwnProcess) -> OwnProcess:
    """Return what both take together; descriptors are those of the one that has fewer left."""
    fullest = max(one, other, key=lambda it: it.open_fds / max(it.max_fds, 1))
    return OwnProcess(
        cpu_s=one.cpu_s + other.cpu_s,
        resident_bytes=one.resident_bytes + other.resident_bytes,
        virtual_bytes=one.virtual_bytes + other.virtual_bytes,
        start_s=min(one.start_s, other.start_s),
        open_fds=fullest.open_fds,
        max_fds=fullest.max_fds,
    )


def _boot_s() -> float:
    with open("/proc/stat", "rb") as file:
        return next(float(line.split()[1]) for line in file if line.startswith(b"btime "))
