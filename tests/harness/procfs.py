"""What the kernel knows of processes: children, descriptors, memory."""

import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """A process as `/proc/PID/stat` has it; `state` is `Z` for one that nobody waited for."""

    pid: int
    parent: int
    group: int
    session: int
    state: str
    name: str


def processes() -> Iterator[ProcessEntry]:
    """Yield every process of the machine, zombies too."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (entry := process(int(name))) is not None:
            yield entry


def process(pid: int) -> ProcessEntry | None:
    """Return a process, `None` when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name is in parentheses and may itself hold some, and spaces.
    head, _, tail = stat.rpartition(b")")
    fields = tail.split()
    return ProcessEntry(
        pid=pid,
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        state=fields[0].decode(),
        name=head.partition(b"(")[2].decode(errors="replace"),
    )


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    entry = process(pid)
    return entry is not None and entry.state not in {"Z", "X"}


def children(pid: int) -> list[ProcessEntry]:
    """Return the direct children of a process, zombies too."""
    return [entry for entry in processes() if entry.parent == pid]


def descendants(pid: int) -> list[ProcessEntry]:
    """Return children, their children and so on, zombies too."""
    by_parent: dict[int, list[ProcessEntry]] = {}
    for entry in processes():
        by_parent.setdefault(entry.parent, []).append(entry)
    found: list[ProcessEntry] = []
    parents = [pid]
    while parents:
        next_children = by_parent.get(parents.pop(), [])
        found += next_children
        parents += [entry.pid for entry in next_children]
    return found


def open_fds(pid: int | None = None) -> dict[int, str]:
    """Return the open descriptors of a process (`None`: this one) and what each one is."""
    folder = f"/proc/{'self' if pid is None else pid}/fd"
    fds: dict[int, str] = {}
    for name in os.listdir(folder):
        try:
            fds[int(name)] = os.readlink(f"{folder}/{name}")
        except FileNotFoundError:
            continue  # closed since, such as the one that listed the folder
    return fds


def resident_bytes(pid: int) -> int:
    """Return how much memory of a process is resident."""
    with open(f"/proc/{pid}/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def forget_peak(pid: int) -> None:
    """Have `peak_resident_bytes` count from now on (proc(5), clear_refs)."""
    with open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")


def peak_resident_bytes(pid: int) -> int:
    """Return how much memory of a process was resident at most."""
    with open(f"/proc/{pid}/status") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def written_bytes(pid: int) -> int:
    """Return how much a process has written, to whatever it was (proc(5), io)."""
    with open(f"/proc/{pid}/io") as file:
        line = next(line for line in file if line.startswith("wchar:"))
    return int(line.split()[1])


def awaits_reader(pid: int) -> bool:
    """Tell whether a process sleeps because nobody takes what it writes to a pipe."""
    with open(f"/proc/{pid}/wchan") as file:
        return "pipe" in file.read()


def times_waited(pid: int) -> int:
    """Return how often a process has had nothing to do, and waited for something."""
    with open(f"/proc/{pid}/status") as file:
        line = next(line for line in file if line.startswith("voluntary_ctxt_switches:"))
    return int(line.split()[1])
