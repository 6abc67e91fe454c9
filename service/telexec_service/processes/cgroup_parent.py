"""The cgroup below which processes get theirs: found, and made ready."""

import os
import re

from telexec_service.processes import cgroup_files

AUTO = "auto"
"""Says in the configuration: the service's own."""

OWN_LEAF = "service"
"""What the cgroup is called that the service itself moves into."""

CONTROLLERS = ("memory", "pids", "cpu")
"""Those that are of use here (cgroups(7))."""


class CgroupError(Exception):
    """Processes cannot have cgroups as the configuration says; the text says why."""


def settle(configured: str | None) -> str | None:
    """Return the directory of the cgroup that the configuration means; None: there are to be none.

    The service's own cgroup has to be given to it alone (Delegate= of systemd). Since the kernel
    lets no cgroup that others get their shares from have processes itself, the service moves into
    one below it (`OWN_LEAF`).

    Raises:
        CgroupError: There is no such cgroup, or it is not for the service alone.
    """
    if configured is None:
        return None
    if configured != AUTO:
        _check(configured)
        return configured
    own = _own()
    if not os.path.exists(f"{own}/cgroup.type"):
        raise _unusable(own, "it is the one that all others are in; name one below it")
    _check(own)
    others = set(cgroup_files.pids(own)) - {os.getpid()}
    if others:
        raise _unusable(own, f"{len(others)} other processes are in it")
    try:
        leaf = f"{own}/{OWN_LEAF}"
        os.makedirs(leaf, exist_ok=True)
        cgroup_files.write(leaf, "cgroup.procs", str(os.getpid()))
    except OSError as error:
        raise _unusable(own, f"{error.strerror}") from error
    return own


def enable_controllers(group: str) -> frozenset[str]:
    """Have cgroups right below one get their controllers; return those of use here that they get.

    Raises:
        CgroupError: It cannot be read.
    """
    try:
        available = cgroup_files.read(group, "cgroup.controllers").split()
        for name in CONTROLLERS:
            if name in available:
                _enable(group, name)
        enabled = cgroup_files.read(group, "cgroup.subtree_control").split()
    except OSError as error:
        raise _unusable(group, f"{error.strerror}") from error
    return frozenset(CONTROLLERS).intersection(enabled)


def _enable(group: str, name: str) -> None:
    try:
        cgroup_files.write(group, "cgroup.subtree_control", f"+{name}")
    except OSError:
        # It may be that processes are in it, or that it is not ours to say; so is it then.
        return


def _check(group: str) -> None:
    if not os.path.isabs(group) or not os.path.exists(f"{group}/cgroup.procs"):
        raise _unusable(group, "it is no cgroup; write `auto`, or an absolute path of one")
    if not os.path.exists(f"{group}/cgroup.subtree_control"):
        raise _unusable(group, "it is one of version 1; there is need of version 2")
    if not os.access(group, os.W_OK):
        raise _unusable(group, "the service may not write to it; see Delegate= of systemd")


def _own() -> str:
    """Return the directory of this process's cgroup."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        found = re.search(r"^0::(/.*)$", file.read(), re.MULTILINE)
    if found is not None:
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            for line in file:
                mount, _, source = line.partition(" - ")
                if source.startswith("cgroup2 "):
                    root, point = mount.split(" ")[3:5]
                    inside = os.path.relpath(found[1], root)
                    if inside.split("/")[0] != "..":
                        return os.path.normpath(os.path.join(_unescaped(point), inside))
    raise CgroupError("cannot find the service's own cgroup: no cgroups of version 2 are mounted")


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda it: chr(int(it[1], 8)), path)


def _unusable(group: str, why: str) -> CgroupError:
    return CgroupError(f"cannot give processes cgroups below {group}: {why}")
