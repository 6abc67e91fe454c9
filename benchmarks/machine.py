"""Where a run took place: what its numbers depend on."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PACKAGES = ("telexec", "msgspec", "websockets", "uvloop", "pybase64", "asyncssh", "swe-rex")


def facts() -> dict[str, Any]:
    """Return what is known of this machine and of the software on it."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memoryMib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "packages": {name: found for name in _PACKAGES if (found := _installed(name))},
        "loadBefore": os.getloadavg()[0],
    }


def steal_s() -> float:
    """Return how long this machine was not given the CPUs that it wanted (proc_stat(5))."""
    with open("/proc/stat") as file:
        return int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _field(path: str, name: str) -> str | None:
    with open(path) as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return None
