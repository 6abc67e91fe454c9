"""What a child cost, as far as the kernel can tell."""

import re
import resource

from telexec_schemas.process import Usage


class UsageMeter:
    """Reads what the kernel counted of children.

    Until its exec a child shares the memory of the service, and the kernel counts that as the
    child's own (vfork(2)): a peak that is not higher than that of the service says nothing.
    """

    def __init__(self) -> None:
        self._own_peak_kib = 0

    def read(self, used: resource.struct_rusage) -> Usage:
        """Return the usage of a child that was waited for just now."""
        peak_kib = used.ru_maxrss
        if peak_kib > self._own_peak_kib:
            # It only grows, so there is no need to ask again for every child.
            self._own_peak_kib = _peak_of_this_memory_kib()
        return Usage(
            user_ms=round(used.ru_utime * 1000),
            system_ms=round(used.ru_stime * 1000),
            max_rss_bytes=peak_kib * 1024 if peak_kib > self._own_peak_kib else None,
        )


def _peak_of_this_memory_kib() -> int:
    # Not what getrusage(2) says of this process: that has the peak of who started it in it.
    with open("/proc/self/status", "rb") as file:
        found = re.search(rb"^VmHWM:\s+(\d+) kB$", file.read(), re.MULTILINE)
    if found is None:
        raise RuntimeError("cannot find VmHWM in /proc/self/status (proc(5))")
    return int(found[1])
