"""What is known of a process that has ended, or that was waited for long enough."""

import msgspec

from telexec_schemas.process import Usage


class PartialProcess(msgspec.Struct, frozen=True):
    """What is known of a process, and the output of it that nobody had read before.

    Attributes:
        argv: What was started.
        exit_code: 128+N after death by signal N; `None` if it is not known.
        signal: The name of the signal that ended it (`SIGKILL`); `None` if none did, or if the
            host does not tell.
        reason: Why it ended, one of `telexec_schemas.process.EndReason`; `None` if the host does
            not tell.
        stdout: A process on a PTY has all its output here.
        stderr: Its other output.
        usage: What it cost; `None` if the host does not tell, or it is not known yet.
    """

    argv: tuple[str, ...]
    exit_code: int | None
    signal: str | None
    reason: str | None
    stdout: bytes
    stderr: bytes
    usage: Usage | None


class CompletedProcess(PartialProcess, frozen=True):
    """How a process ended, and the output of it that nobody had read before."""

    exit_code: int


class CompletedText(msgspec.Struct, frozen=True):
    """How a process ended, and its output as text; otherwise as `CompletedProcess`.

    Attributes:
        argv: See `PartialProcess`.
        exit_code: See `PartialProcess`.
        signal: See `PartialProcess`.
        reason: See `PartialProcess`.
        stdout: See `PartialProcess`. Ends of lines are as the process wrote them.
        stderr: See `PartialProcess`.
        usage: See `PartialProcess`.
    """

    argv: tuple[str, ...]
    exit_code: int
    signal: str | None
    reason: str | None
    stdout: str
    stderr: str
    usage: Usage | None
