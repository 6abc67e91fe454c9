"""Errors of a process that was started. Where there is output already, they carry it."""

from collections.abc import Sequence

from telexec_client.completed import CompletedProcess, PartialProcess
from telexec_client.errors.base import TelexecError
from telexec_schemas.process import Survivor


class ProcessNotFoundError(TelexecError):
    """The host has no such process: it was never started, or it was already forgotten."""

    def __init__(self, process_id: str) -> None:
        super().__init__(f"cannot find process {process_id!r} on the host")
        self.process_id = process_id


class ProcessFollowedError(TelexecError):
    """This client follows the process already: one place gets its output."""

    def __init__(self, process_id: str) -> None:
        super().__init__(f"cannot attach to process {process_id!r}: this client follows it already")
        self.process_id = process_id


class ProcessDetachedError(TelexecError):
    """The process was left with `detach`: nothing of what was unread then can be had here."""

    def __init__(self, program: str) -> None:
        super().__init__(
            f"cannot follow {program!r} any more: it was left with detach(); attach to it again"
        )
        self.program = program


class StdinClosedError(TelexecError):
    """The process takes no input: its stdin was not asked for, is closed, or it has ended."""

    def __init__(self, program: str) -> None:
        super().__init__(f"cannot write to {program!r}: its stdin is closed")
        self.program = program


class ProcessFailedError(TelexecError):
    """The process ended with another exit code than 0, and `check` was asked for."""

    def __init__(self, completed: CompletedProcess) -> None:
        how = f"died of {completed.signal}" if completed.signal else "failed"
        super().__init__(
            f"cannot use the result of {completed.argv[0]!r}: it {how}"
            f" (exit code {completed.exit_code})"
        )
        self.completed = completed


class ProcessTimeoutError(TelexecError):
    """The time is up. `completed` has the output so far, and the exit code if it is known."""

    def __init__(self, completed: PartialProcess, timeout_s: float) -> None:
        super().__init__(f"cannot wait longer for {completed.argv[0]!r}: {timeout_s:g} s are over")
        self.completed = completed
        self.timeout_s = timeout_s


class ProcessIdleError(ProcessTimeoutError):
    """The process was ended because it wrote nothing for `timeout_s`."""


class ProcessSurvivedError(TelexecError):
    """Some of what a process started became another user's, whom the host cannot end.

    Attributes:
        survivors: Their numbers on the host, and whose they are.
    """

    def __init__(self, program: str, survivors: Sequence[Survivor]) -> None:
        who = ", ".join(f"{it.pid} (user {it.uid})" for it in survivors)
        super().__init__(f"cannot end all that {program!r} started: {who} may not be signalled")
        self.program = program
        self.survivors = tuple(survivors)


class OutputLimitError(TelexecError):
    """The process wrote more than was to be kept. `completed` has the output up to the limit."""

    def __init__(self, completed: PartialProcess, limit_bytes: int) -> None:
        super().__init__(
            f"cannot keep more than {limit_bytes} bytes of output of {completed.argv[0]!r}"
        )
        self.completed = completed
        self.limit_bytes = limit_bytes


class OutputGapError(TelexecError):
    """Output was lost: the host could not keep it until we were connected again.

    Attributes:
        lost_bytes: How much; `None` if the host cannot tell.
        completed: The rest of the output, where all of it was asked for.
    """

    def __init__(
        self, program: str, lost_bytes: int | None, completed: CompletedProcess | None = None
    ) -> None:
        amount = "some" if lost_bytes is None else f"{lost_bytes} bytes"
        super().__init__(f"cannot give all output of {program!r}: {amount} of it were lost")
        self.lost_bytes = lost_bytes
        self.completed = completed


class LineTooLongError(TelexecError):
    """A line of output is longer than was asked for; reading goes on with the next line.

    Attributes:
        start: The beginning of the line, `limit_bytes` of it. The rest is dropped.
    """

    def __init__(self, program: str, start: bytes, limit_bytes: int) -> None:
        super().__init__(
            f"cannot give a line of {program!r} of more than {limit_bytes} bytes;"
            " allow more (max_line_bytes), or read what is no text without lines"
        )
        self.start = start
        self.limit_bytes = limit_bytes


class OutputEncodingError(TelexecError):
    """Output is no text in the encoding that was asked for.

    Where it comes piece by piece, reading can go on.

    Attributes:
        data: What is no such text: a line, a piece, or the whole of a stream.
        completed: How the process ended with all its output, where all of it was asked for.
    """

    def __init__(
        self,
        program: str,
        encoding: str,
        data: bytes,
        why: str,
        completed: CompletedProcess | None = None,
    ) -> None:
        super().__init__(
            f"cannot read output of {program!r} as {encoding}: {why};"
            " errors='replace' puts marks in the place of what it is not"
        )
        self.encoding = encoding
        self.data = data
        self.completed = completed
