"""What must not be left after a test: tasks, descriptors and processes."""

import asyncio
import ctypes
import gc
import os
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from tests.harness import procfs
from tests.harness.deadline import eventually, eventually_blocking

_GRACE_S = 5.0
"""For what is already on its way out when a test ends."""

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class LeakError(AssertionError):
    """A test left something behind."""


def adopt_orphans() -> None:
    """Become the parent of whatever a process below this one leaves behind (prctl(2)).

    So a child that outlives the service that started it is seen as a leak.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become a child subreaper")


@contextmanager
def no_process_or_descriptor_left(*, grace_s: float = _GRACE_S) -> Generator[None]:
    """Fail if there are more children or open descriptors after the block than before."""
    children_before = _living_children()
    fds_before = procfs.open_fds()
    yield

    def left() -> tuple[dict[int, str], dict[int, str]]:
        _reap_orphans(children_before)
        new_children = {
            pid: name for pid, name in _living_children().items() if pid not in children_before
        }
        new_fds = {
            fd: target for fd, target in procfs.open_fds().items() if fds_before.get(fd) != target
        }
        return new_children, new_fds

    def clean() -> bool:
        return left() == ({}, {})

    if clean():
        return
    gc.collect()  # what is only held by a cycle is garbage, not a leak
    try:
        eventually_blocking(clean, deadline_s=grace_s)
    except AssertionError:
        children, fds = left()
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        eventually_blocking(
            lambda: not any(map(procfs.is_alive, children)), what="the end of what was left"
        )
        _reap_orphans(children_before)
        raise LeakError(f"left behind: processes {children}, descriptors {fds}") from None


@asynccontextmanager
async def no_task_left(*, grace_s: float = _GRACE_S) -> AsyncGenerator[None]:
    """Fail if there are more tasks on this event loop after the block than before."""
    before = asyncio.all_tasks()
    yield

    def left() -> list[str]:
        # The block may begin and end in different tasks of the test framework.
        new = asyncio.all_tasks() - before - {asyncio.current_task()}
        return [repr(task) for task in new]

    try:
        await eventually(lambda: not left(), deadline_s=grace_s)
    except AssertionError:
        raise LeakError(f"left behind: tasks {left()}") from None


def _living_children() -> dict[int, str]:
    return {
        entry.pid: entry.name
        for entry in procfs.children(os.getpid())
        if entry.state not in {"Z", "X"}
    }


def _reap_orphans(known: dict[int, str]) -> None:
    for entry in procfs.children(os.getpid()):
        if entry.state == "Z" and entry.pid not in known:
            try:
                os.waitpid(entry.pid, os.WNOHANG)
            except ChildProcessError:
                continue  # its owner was faster
