"""What the service counts: plain integers that the hot path may bump, read when somebody asks.

Every set of labels is closed: it is made whole here, from names that the code knows, and nothing
that a client sends adds to it.
"""

from bisect import bisect_left
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from telexec_schemas.errors import ErrorReason
from telexec_schemas.process import EndReason, Stream
from telexec_service.core.admission import AuthFailure, Visit

OTHER_METHOD = "other"
"""The label of every method that this service does not have."""

DURATION_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""The upper bounds of the buckets of a duration; the last one has none."""

STARTED = "ok"
"""The result of a start that started a process."""

OTHER_RESULT = "other"
"""The result of a start that failed with none of `START_FAILURES`."""

START_FAILURES = (
    ErrorReason.PARAMS_INVALID,
    ErrorReason.ARGUMENTS_INVALID,
    ErrorReason.PATH_INVALID,
    ErrorReason.NOT_INITIALIZED,
    ErrorReason.PROCESS_EXISTS,
    ErrorReason.PROGRAM_NOT_FOUND,
    ErrorReason.PROGRAM_NOT_EXECUTABLE,
    ErrorReason.CWD_NOT_FOUND,
    ErrorReason.CWD_NOT_DIRECTORY,
    ErrorReason.CWD_FORBIDDEN,
    ErrorReason.ENVIRONMENT_INVALID,
    ErrorReason.ENVIRONMENT_REFUSED,
    ErrorReason.POLICY_REFUSED,
    ErrorReason.PROFILE_UNKNOWN,
    ErrorReason.SPAWN_FAILED,
    ErrorReason.SANDBOX_UNAVAILABLE,
    ErrorReason.LIMIT_REACHED,
    ErrorReason.AUDIT_UNAVAILABLE,
    ErrorReason.SHUTTING_DOWN,
    ErrorReason.INTERNAL,
)
"""The reasons that starts fail for; each is a result."""

OTHER_LIMIT = "other"
"""The label of a limit that is not in `LIMITS`."""

LIMITS = (
    "max_connections",
    "max_sessions",
    "max_processes",
    "max_host_processes",
    "max_finished_processes",
    "max_requests_in_flight",
    "max_watches",
    "max_frame_bytes",
    "max_file_bytes",
    "max_entries",
    "max_open_files",
    "max_variables",
    "max_bytes",
    "open_files",
    "stdin_backlog_bytes",
    "host_retained_bytes",
    "spill_host_bytes",
    OTHER_LIMIT,
)
"""The limits whose reaching is counted; the same names are the `subject` of `limitReached`."""

RequestOutcome = Literal["ok", "error", "cancelled"]

_STREAMS: tuple[Stream, ...] = ("stdout", "stderr", "pty")
_OUTCOMES: tuple[RequestOutcome, ...] = ("ok", "error", "cancelled")

_NOT_BY_US = frozenset({EndReason.EXITED, EndReason.SIGNALED, EndReason.OOM})


class SessionEnd(StrEnum):
    """Why a session ended."""

    EXPIRED = "expired"
    ENDED = "ended"
    SHUTDOWN = "shutdown"


class Durations:
    """A histogram of seconds. `counts` has one number per bucket, not yet summed up."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(DURATION_BOUNDS_S) + 1)
        self.total_s = 0.0

    def add(self, duration_s: float) -> None:
        """Count one."""
        self.counts[bisect_left(DURATION_BOUNDS_S, duration_s)] += 1
        self.total_s += duration_s


class MethodCounters:
    """What became of the requests of one method."""

    __slots__ = ("durations", "outcomes")

    def __init__(self) -> None:
        self.outcomes = dict.fromkeys(_OUTCOMES, 0)
        self.durations = Durations()


class Counters:
    """Everything that one service counts; all numbers only grow, but those of what is there now."""

    __slots__ = (
        "audit_records_lost",
        "auth_failures",
        "errors",
        "gap_bytes",
        "gaps",
        "kills",
        "limits",
        "log_lines_dropped",
        "methods",
        "output_bytes",
        "process_ends",
        "processes_known",
        "processes_running",
        "retained_bytes",
        "sessions_ended",
        "sessions_resumed",
        "sessions_started",
        "spill_failures",
        "spilled_bytes",
        "starts",
        "stdin_bytes",
        "visits",
    )

    def __init__(self, methods: Iterable[str] = ()) -> None:
        self.methods = {name: MethodCounters() for name in (*methods, OTHER_METHOD)}
        self.errors = dict.fromkeys(ErrorReason, 0)
        self.visits = dict.fromkeys(Visit, 0)
        self.auth_failures = dict.fromkeys(AuthFailure, 0)
        self.sessions_started = 0
        self.sessions_resumed = 0
        self.sessions_ended = dict.fromkeys(SessionEnd, 0)
        self.starts: dict[str, int] = dict.fromkeys((STARTED, *START_FAILURES, OTHER_RESULT), 0)
        self.process_ends = dict.fromkeys(EndReason, 0)
        self.kills: dict[EndReason, int] = {
            reason: 0 for reason in EndReason if reason not in _NOT_BY_US
        }
        self.processes_running = 0
        self.processes_known = 0
        self.retained_bytes = 0
        self.output_bytes: dict[Stream, int] = dict.fromkeys(_STREAMS, 0)
        self.stdin_bytes = 0
        self.spilled_bytes = 0
        self.spill_failures = 0
        self.limits = dict.fromkeys(LIMITS, 0)
        self.gaps = 0
        self.gap_bytes = 0
        self.log_lines_dropped = 0
        self.audit_records_lost = 0

    def method(self, name: str) -> MethodCounters:
        """Return the counters of a method; one that there is not shares those of all such."""
        return self.methods.get(name) or self.methods[OTHER_METHOD]

    def add_limit(self, name: str) -> None:
        """Count that a limit was reached."""
        self.limits[name if name in self.limits else OTHER_LIMIT] += 1

    def add_start(self, result: str) -> None:
        """Count a start that ended with `STARTED` or the reason of its error."""
        self.starts[result if result in self.starts else OTHER_RESULT] += 1
