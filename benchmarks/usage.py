"""What processes have used so far, as /proc has it (proc_pid_stat(5), proc_pid_statm(5))."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU time, user and system: of processes themselves, and of children they waited for."""

    own_s: float
    children_s: float

    def since(self, earlier: "CpuTime") -> "CpuTime":
        """Return what was used in between."""
        return CpuTime(self.own_s - earlier.own_s, self.children_s - earlier.children_s)


def cpu_time(pids: Iterable[int]) -> CpuTime:
    """Return what these processes together have used; those that have ended count nothing."""
    own = children = 0
    for pid in pids:
        fields = _stat(pid)
        if fields is not None:
            own += int(fields[11]) + int(fields[12])
            children += int(fields[13]) + int(fields[14])
    return CpuTime(own * _TICK_S, children * _TICK_S)


def memory_bytes(pids: Iterable[int]) -> int:
    """Return the resident memory: of one process its RSS, of several the sum of their PSS.

    Several processes of one program share most of their pages: their RSS would count them often.
    """
    several = list(pids)
    if len(several) == 1:
        with open(f"/proc/{several[0]}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    return sum(_pss_bytes(pid) for pid in several)


def named(pid: int, name: str) -> list[int]:
    """Return a process and those of its descendants whose names begin so."""
    return [pid, *(child for child in _descendants(pid) if _name(child).startswith(name))]


def running(pid: int, argv: Sequence[str]) -> list[int]:
    """Return the descendants of a process that run exactly this command."""
    wanted = b"".join(argument.encode() + b"\0" for argument in argv)
    return [child for child in _descendants(pid) if _read(f"/proc/{child}/cmdline") == wanted]


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        next_ones = children.get(waiting.pop(), [])
        found += next_ones
        waiting += next_ones
    return found


def _stat(pid: int) -> list[bytes] | None:
    """Return the fields behind the name, which may hold spaces and parentheses itself."""
    text = _read(f"/proc/{pid}/stat")
    return text.rpartition(b")")[2].split() if text else None


def _name(pid: int) -> str:
    return _read(f"/proc/{pid}/comm").decode().strip()


def _pss_bytes(pid: int) -> int:
    lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:"))


def _read(path: str) -> bytes:
    """Return a file of /proc, nothing if its process has ended."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""
