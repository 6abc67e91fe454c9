"""The threads that file operations run in, also when one never comes back."""

import os
import threading
import time
from collections.abc import Generator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

DEADLINE_S = 5.0
"""How long the service waits in the end for operations that do not come back."""

_NAME = "telexec files"


@contextmanager
def file_threads(count: int) -> Generator[Executor]:
    """Run operations in so many threads; what was not begun at the end is never done."""
    threads = ThreadPoolExecutor(count, _NAME)
    try:
        yield threads
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def await_file_threads(log: Any) -> None:
    """Wait until no operation runs any more, but not for ever, and tell how many still do.

    A file system that does not answer, such as one whose server is gone, holds them for ever.
    """
    deadline_s = time.monotonic() + DEADLINE_S
    for thread in _running():
        thread.join(max(0.0, deadline_s - time.monotonic()))
    if stuck := len(_running()):
        log.error("files.stuck", operations=stuck)


def leave_file_threads() -> None:
    """End this process with 0 if operations still run: Python would wait for their threads."""
    if _running():
        os._exit(0)


def _running() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(_NAME)]
