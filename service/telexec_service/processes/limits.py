"""Resource limits of children (setrlimit(2)), and how soon the kernel ends them for memory."""

import contextlib
import os
import resource
import shutil

import msgspec

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.process import ProcessLimits
from telexec_service.core.failure import RpcFailure

MAX_OOM_SCORE_ADJ = 1000

_LIMITER = "prlimit"

_RESOURCES = {
    "address_space_bytes": ("as", resource.RLIMIT_AS),
    "core_bytes": ("core", resource.RLIMIT_CORE),
    "cpu_s": ("cpu", resource.RLIMIT_CPU),
    "file_bytes": ("fsize", resource.RLIMIT_FSIZE),
    "open_files": ("nofile", resource.RLIMIT_NOFILE),
    "user_processes": ("nproc", resource.RLIMIT_NPROC),
}


class Confinement:
    """Puts limits on children.

    A program with limits is executed by prlimit(1), which sets its own before that: so they hold
    from the first instruction on, in everything that the program starts, and never in this process.
    To set them from here after the start is too late for a program that is quick.

    Args:
        limits: The host's.
        oom_score_adj: How much sooner than this process the kernel is to end a child when memory is
            short (proc_pid_oom_score_adj(5)); 0: not sooner.
    """

    def __init__(self, limits: ProcessLimits, oom_score_adj: int) -> None:
        self._limits = limits
        self._has_limits = any(getattr(limits, name) is not None for name in _RESOURCES)
        self._limiter = shutil.which(_LIMITER) or shutil.which(_LIMITER, path=os.defpath)
        self._oom_score_adj = b""
        if oom_score_adj:
            with open("/proc/self/oom_score_adj", "rb") as file:
                own = int(file.read())
            self._oom_score_adj = b"%d" % min(own + oom_score_adj, MAX_OOM_SCORE_ADJ)

    @property
    def can_limit(self) -> bool:
        """Whether this host has what is needed for limits."""
        return self._limiter is not None

    def command(
        self, program: str, argv: list[str], asked: ProcessLimits | None
    ) -> tuple[str, list[str]]:
        """Return what to execute, and with which arguments, for a program to have its limits.

        The limits are the host's, and what was asked for where that is lower. Under limits the
        program is called by its path, whatever `argv[0]` says.

        Raises:
            RpcFailure: This host has nothing to limit it with.
        """
        if asked is None and not self._has_limits:
            return program, argv
        options = [
            f"--{name}={value if hard == resource.RLIM_INFINITY else min(value, hard)}"
            for name, value, hard in _numbers(tightest(self._limits, asked))
        ]
        if not options:
            return program, argv
        if self._limiter is None:
            raise RpcFailure(
                ErrorCode.INTERNAL,
                ErrorReason.SPAWN_FAILED,
                f"cannot limit {program!r}: this host has no {_LIMITER}(1), of util-linux",
                subject=program,
            )
        return self._limiter, [_LIMITER, *options, "--", program, *argv[1:]]

    def limits(self, asked: ProcessLimits | None) -> ProcessLimits:
        """Return the host's limits, and what was asked for where that is lower."""
        return tightest(self._limits, asked)

    def prefer_for_oom(self, pid: int) -> None:
        """Have the kernel end a child sooner than this process when memory is short."""
        if not self._oom_score_adj:
            return
        # Another user's is not ours to choose, and the service goes on without.
        with contextlib.suppress(PermissionError, FileNotFoundError, ProcessLookupError):
            descriptor = os.open(f"/proc/{pid}/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, self._oom_score_adj)
            finally:
                os.close(descriptor)


def tightest(limits: ProcessLimits, asked: ProcessLimits | None) -> ProcessLimits:
    """Return the lower one of each limit."""
    if asked is None:
        return limits
    ours, theirs = msgspec.structs.asdict(limits), msgspec.structs.asdict(asked)
    lowest = {
        name: min((it for it in (ours[name], theirs[name]) if it is not None), default=None)
        for name in ours
    }
    return ProcessLimits(**lowest)


def _numbers(limits: ProcessLimits) -> list[tuple[str, int, int]]:
    """Return each limit by the name of prlimit's option, with the hard limit there is now."""
    return [
        (option, value, resource.getrlimit(number)[1])
        for name, (option, number) in _RESOURCES.items()
        if (value := getattr(limits, name)) is not None
    ]
