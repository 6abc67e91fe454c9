"""What is known of a process that has ended, or that was waited for long enough."""

from dataclasses import dataclass

from telexec_schemas.process import Usage


@dataclass(frozen=True, slots=True)
class PartialProcess:
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


@dataclass(frozen=True, slots=True)
class CompletedProcess(PartialProcess):
    """How a process ended, and the output of it that nobody had read before."""

    exit_code: int
