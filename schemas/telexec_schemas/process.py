"""Starting, feeding, reading and ending processes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from telexec_schemas.environment import EnvironmentSummary
from telexec_schemas.environment_policy import EnvironmentPolicy
from telexec_schemas.identifiers import Count, ProcessId, Seq, WriteId
from telexec_schemas.message import Message
from telexec_schemas.sandbox import Sandbox

Handle = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Dimension = Annotated[int, Meta(ge=1, le=65_535)]

Stream = Literal["stdout", "stderr", "pty"]
"""Where output came from; a process with a PTY has `pty` only."""

Overflow = Literal["pause", "drop"]
"""When the host holds as much output as it may: the process waits, or the oldest is dropped."""


class TerminalSize(Message, frozen=True):
    """The size of a PTY, in character cells."""

    rows: Dimension = 24
    columns: Dimension = 80


class ProcessLabels(Message, frozen=True):
    """What a client calls a process in its own books; never interpreted."""

    thread_id: str | None = None
    tool_call_id: str | None = None


class ProcessLimits(Message, frozen=True):
    """Limits of a process and of each one that it starts (setrlimit(2)); None: the host's own.

    `user_processes` counts all processes that the user has on the host, not only these. Those that
    begin with `tree_` are for the process and all that it starts, together (cgroups(7)), and only
    where the host grants them: `tree_tasks` are processes and threads, and of `tree_cpu_percent`
    100 is one core. What needs more memory is ended as a whole (`EndReason.OOM`).
    """

    address_space_bytes: Count | None = None
    core_bytes: Count | None = None
    cpu_s: Count | None = None
    file_bytes: Count | None = None
    open_files: Count | None = None
    user_processes: Count | None = None
    tree_memory_bytes: Count | None = None
    tree_tasks: Count | None = None
    tree_cpu_percent: Count | None = None


TREE_LIMITS: Mapping[str, str] = {
    "tree_memory_bytes": "treeMemoryBytes",
    "tree_tasks": "treeTasks",
    "tree_cpu_percent": "treeCpuPercent",
}
"""The limits on whole trees, and what each is called on the wire."""


class StartProcess(Message, frozen=True):
    """Start `argv` in the directory `cwd` (a `file://` URI).

    Without `env_policy`, `env` is the exact environment; with one, the environment is made from the
    host's by the policy and `env` is laid over it. `tty`: on a PTY instead of pipes. `pipe_stdin`:
    keep the stdin of a process without a PTY writable; otherwise it is `/dev/null`.

    Extensions: `env_profile` names a policy of the host's in the place of `env_policy`;
    `env_unset` takes names out at the end. `timeout_ms`: the host ends the process, with all that
    it started, after this time, with TERM and, `kill_grace_ms` later, KILL. `idle_timeout_ms`: the
    same after so long without output; time in which the host holds output up does not count.
    `limits` may be lower than the host's; higher ones change nothing.
    `credit_bytes`: push output only up to this offset, until `process/credit` moves it.
    `overflow`: with `drop` the process never waits for a reader; output that is dropped before it
    was pushed is told by `process/gap`.
    `merge_stderr`: without a PTY, its stderr is its stdout.
    `handle`: push output as binary frames with this number, which no other process of the session
    has.
    """

    process_id: ProcessId
    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    tty: bool
    env_policy: EnvironmentPolicy | None = None
    pipe_stdin: bool = False
    arg0: str | None = None
    metadata: ProcessLabels | None = None
    sandbox: Sandbox | None = None
    enforce_managed_network: bool = False
    managed_network: Sandbox | None = None
    env_profile: str | UnsetType = UNSET
    env_unset: Sequence[str] | UnsetType = UNSET
    size: TerminalSize | UnsetType = UNSET
    timeout_ms: Count | UnsetType = UNSET
    idle_timeout_ms: Count | UnsetType = UNSET
    kill_grace_ms: Count | UnsetType = UNSET
    credit_bytes: Count | UnsetType = UNSET
    handle: Handle | UnsetType = UNSET
    overflow: Overflow | UnsetType = UNSET
    merge_stderr: bool | UnsetType = UNSET
    limits: ProcessLimits | UnsetType = UNSET


class Started(Message, frozen=True):
    """The process runs. Extensions: `pid` is its number on the host, `env` says what it got.

    `handle` is given when the process was started before: its output has this number.
    """

    process_id: ProcessId
    sandbox_type: str = "none"
    pid: int | UnsetType = UNSET
    env: EnvironmentSummary | UnsetType = UNSET
    handle: Handle | UnsetType = UNSET


class OutputChunk(Message, frozen=True):
    """A piece of output; base64 on the wire."""

    seq: Seq
    stream: Stream
    chunk: bytes


class EndReason(StrEnum):
    """Why a process ended (extension)."""

    EXITED = "exited"
    SIGNALED = "signaled"
    TIMEOUT = "timeout"
    IDLE_TIMEOUT = "idleTimeout"
    TERMINATED = "terminated"
    SESSION_EXPIRED = "sessionExpired"
    SESSION_ENDED = "sessionEnded"
    OOM = "oom"
    SHUTDOWN = "shutdown"


class Usage(Message, frozen=True):
    """What a process cost, with those descendants that were waited for (getrusage(2)).

    `max_rss_bytes`: the most memory that one of them had resident; None if that was not more than
    what the service had itself, of which the kernel then cannot tell it.
    """

    user_ms: int
    system_ms: int
    max_rss_bytes: int | None = None


class OutputPushed(Message, frozen=True):
    """Output, as it comes."""

    process_id: ProcessId
    seq: Seq
    stream: Stream
    chunk: bytes


class OutputGap(Message, frozen=True):
    """Events from `seq` up to, not including, `next_seq` were dropped before they were pushed.

    `lost_bytes`: how much output that was, over both streams.
    """

    process_id: ProcessId
    seq: Seq
    next_seq: Seq
    lost_bytes: int


class ProcessExited(Message, frozen=True):
    """The process is gone. `exit_code` is 128+N after death by signal N.

    Extensions: `signal` is that signal's name (`SIGKILL`); `reason` is one of `EndReason`; `usage`
    is what it cost.
    """

    process_id: ProcessId
    seq: Seq
    exit_code: int
    sandbox_denied: bool = False
    signal: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET


class ProcessClosed(Message, frozen=True):
    """Nothing more will come of the process: its output is closed and its exit was told."""

    process_id: ProcessId
    seq: Seq


class ReadOutput(Message, frozen=True):
    """Read output that is newer than `after_seq` (`None` or 0: from the start).

    `max_bytes` is a budget; the first chunk is given even if it is larger. `wait_ms`: how long to
    wait for output or the end if there is nothing yet. `after_bytes` (extension): how many bytes of
    output the reader already has, so that `lost` can be told. `part_bytes` (extension): how
    many of them are the beginning of the chunk `after_seq + 1`, which is given from there on, and
    only as far as `max_bytes` goes.
    """

    process_id: ProcessId
    after_seq: Count | None = None
    max_bytes: Count | None = None
    wait_ms: Count | None = None
    after_bytes: Count | UnsetType = UNSET
    part_bytes: Count | UnsetType = UNSET


class OutputBatch(Message, frozen=True):
    """What was read. `next_seq - 1` is the `after_seq` to go on with.

    With `part_bytes`, a `next_seq` that is the number of the only chunk says that there is more of
    it.

    `lost` (extension): how many bytes right after `after_seq` are no longer retained; given when
    the request said `after_bytes`.
    """

    chunks: Sequence[OutputChunk]
    next_seq: Seq
    exited: bool
    exit_code: int | None
    closed: bool
    failure: str | None = None
    sandbox_denied: bool = False
    signal: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    lost: int | UnsetType = UNSET


class WriteInput(Message, frozen=True):
    """Write to stdin or the PTY. A `write_id` that was seen before is not written again."""

    process_id: ProcessId
    chunk: bytes
    write_id: WriteId


WriteStatus = Literal["accepted", "unknownProcess", "stdinClosed", "starting"]


class InputStatus(Message, frozen=True):
    """What became of a write."""

    status: WriteStatus


class CloseInput(Message, frozen=True):
    """End a process's input once all accepted writes are through: EOF on a pipe, ^D on a PTY."""

    process_id: ProcessId


class SignalProcess(Message, frozen=True):
    """Signal the process group: `interrupt`, or (extension) any POSIX name such as `SIGTERM`."""

    process_id: ProcessId
    signal: str


class ResizeTerminal(Message, frozen=True):
    """Give a PTY another size; its foreground group gets SIGWINCH."""

    process_id: ProcessId
    size: TerminalSize


class TerminateProcess(Message, frozen=True):
    """Kill a running process with all that it started, and answer at once.

    With `grace_ms` (extension): TERM, and KILL so much later to what is left (0: KILL at once).
    What the process left behind is ended also when it has ended itself, and the answer comes when
    nothing is left but what cannot be ended.
    """

    process_id: ProcessId
    grace_ms: Count | UnsetType = UNSET


class Survivor(Message, frozen=True):
    """A process that the host could not end: its number there, and whose it is, if that is known.

    Programs with the setuid bit become another user's, whom the host may not signal.
    """

    pid: int
    uid: int | None = None


class Terminated(Message, frozen=True):
    """Whether the process was still running when it was told to end.

    `survivors` (extension): given with `grace_ms`.
    """

    running: bool
    survivors: Sequence[Survivor] | UnsetType = UNSET


class OutputCredit(Message, frozen=True):
    """How much output may be pushed, and how much has arrived.

    Both are offsets, counted in bytes from the first byte of output, so that one that is lost or
    sent twice does no harm. Output may be pushed up to `up_to_bytes`. What lies before
    `received_bytes` will not be asked for again; what lies after it is retained, and once that
    fills the host's retention the process waits: so send one at least for every quarter of
    `limits.retainedBytes`, and for every 1,024 pieces.
    """

    process_id: ProcessId
    up_to_bytes: Count
    received_bytes: Count
