"""Knowing the memory of a process when it looks like a file.

Through `/proc/PID/mem` a file request would read, and write, the memory of the service itself: it
may always open its own, and there is what it hides from every process.
"""

import os
import re

_MEMORY = re.compile(r"/\d+(/task/\d+)?/mem$")


def is_process_memory(fd: int, status: os.stat_result) -> bool:
    """Return whether an open regular file is `mem` of a process (proc(5)), by whatever path."""
    if status.st_size != 0:
        return False
    try:
        path = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return False  # no procfs, no such file in it
    # A file of the same name elsewhere is on a file system that has blocks.
    return _MEMORY.search(path) is not None and os.fstatvfs(fd).f_blocks == 0
