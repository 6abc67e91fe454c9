"""Which processes a session has, and having their output pushed from a point on (extensions)."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, UnsetType

from telexec_schemas.identifiers import Count, ProcessId, Seq
from telexec_schemas.message import Message
from telexec_schemas.process import Handle, ProcessLabels


class ListProcesses(Message, frozen=True):
    """Ask for the processes of a session; `session` is the id or name of another one."""

    session: str | UnsetType = UNSET


class ProcessEntry(Message, frozen=True):
    """A process that the host runs or remembers.

    `state`: it is `running`, has `exited` (and output may still come), or is `closed`. Times are in
    milliseconds since 1970, UTC. `output_bytes`: how much it wrote; `first_byte`: how much of that,
    from its start on, is no longer retained; `lost_bytes`: how much of it readers asked for too
    late. `argv` is cut when it is long, and `is_argv_cut` says so. `attached`: its output is pushed
    to the client that owns the session.
    """

    process_id: ProcessId
    pid: int
    state: Literal["running", "exited", "closed"]
    argv: Sequence[str]
    tty: bool
    started_at_ms: int
    next_seq: Seq
    output_bytes: int
    first_byte: int
    lost_bytes: int
    attached: bool
    is_argv_cut: bool = False
    ended_at_ms: int | None = None
    exit_code: int | None = None
    signal: str | None = None
    reason: str | None = None
    labels: ProcessLabels | None = None


class ProcessList(Message, frozen=True):
    """Processes, the newest first. `truncated`: there are more, all older."""

    processes: Sequence[ProcessEntry]
    truncated: bool = False


class AttachOutput(Message, frozen=True):
    """Have the events of a process pushed on this connection, from the one after `after_seq` on.

    What was pushed before is pushed again. `after_bytes`: how many bytes of output there are up to
    `after_seq`; needed where that is not 0. `credit_bytes` and `handle` are as in `process/start`,
    and take the place of what was said there.

    `session`: the id or name of another session, whose process is read along without holding it
    up; it is then called `watch_id` on this connection, which is as unique as a `process_id`.
    """

    process_id: ProcessId
    after_seq: Count = 0
    after_bytes: Count | UnsetType = UNSET
    credit_bytes: Count | UnsetType = UNSET
    handle: Handle | UnsetType = UNSET
    session: str | UnsetType = UNSET
    watch_id: ProcessId | UnsetType = UNSET


class OutputAttached(Message, frozen=True):
    """The events after `after_seq` will be pushed; `process/gap` stands for what is missing."""

    process: ProcessEntry


class DetachOutput(Message, frozen=True):
    """Push the events of a process no more; an own process then waits once its log is full."""

    process_id: ProcessId


class OutputDetached(Message, frozen=True):
    """Nothing more will be pushed of a process that was read along: its session has ended."""

    process_id: ProcessId
