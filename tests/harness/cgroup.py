"""Cgroups of version 2 for tests: made by root, in whatever hierarchy this machine has."""

import contextlib
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

from tests.harness import procfs
from tests.harness.deadline import DEADLINE_S
from tests.harness.required import skip_unless_required


def mounted() -> Path | None:
    """Return where cgroups of version 2 are; None: nowhere."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        root, point = mount.split()[3:5]
        if source.startswith("cgroup2 ") and root == "/":
            return Path(point)
    return None


def controllers_of(group: Path) -> set[str]:
    """Return the controllers that a cgroup can give to those below it."""
    return set((group / "cgroup.controllers").read_text().split())


@contextlib.contextmanager
def hierarchy() -> Generator[Path]:
    """Give the root of the hierarchy, which is mounted for the block if it is not."""
    if os.geteuid() != 0:
        skip_unless_required("cannot make cgroups: needs root")
    found = mounted()
    if found is not None:
        yield found
        return
    with tempfile.TemporaryDirectory() as directory:
        mount = ["mount", "-t", "cgroup2", "none", directory]
        if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
            skip_unless_required("cannot mount cgroups of version 2 here")
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", directory], check=True)


@contextlib.contextmanager
def own_cgroup() -> Generator[Path]:
    """Make a cgroup for the block; what is in it or below at the end is killed."""
    with hierarchy() as root:
        group = root / f"telexec-tests-{secrets.token_hex(4)}"
        group.mkdir()
        try:
            yield group
        finally:
            (group / "cgroup.kill").write_text("1")
            deadline = time.monotonic() + DEADLINE_S
            while not _removed(group):
                assert time.monotonic() < deadline, f"{group} is still in use"


def below(group: Path) -> Iterator[Path]:
    """Yield every cgroup below one, the lowest first."""
    with contextlib.suppress(FileNotFoundError):
        for path in group.iterdir():
            if path.is_dir():
                yield from below(path)
                yield path


def of_process(pid: int) -> str:
    """Return the path of a process's cgroup in its hierarchy."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next(line.removeprefix("0::") for line in lines if line.startswith("0::"))


def living(group: Path) -> list[int]:
    """Return what runs in a cgroup and below."""
    pids: list[int] = []
    for each in (*below(group), group):
        with contextlib.suppress(OSError):
            pids += map(int, (each / "cgroup.procs").read_text().split())
    return [pid for pid in pids if procfs.is_alive(pid)]


def _removed(group: Path) -> bool:
    try:
        for each in (*below(group), group):
            each.rmdir()
    except OSError:
        return False
    return True
