"""Errors of starting a process: it never ran."""

from telexec_client.errors.base import TelexecError


class StartError(TelexecError):
    """The process cannot be started.

    Attributes:
        program: What was to be started, as the caller named it.
    """

    def __init__(self, program: str, why: str) -> None:
        super().__init__(f"cannot start {program!r}: {why}")
        self.program = program


class ProgramNotFoundError(StartError):
    """The host has no such program; a shell would exit with 127."""


class ProgramNotExecutableError(StartError):
    """What is there is not a program that may be run; a shell would exit with 126."""


class WorkingDirectoryError(StartError):
    """The working directory is not there, is not a directory, or may not be entered."""


class EnvironmentRefusedError(StartError):
    """The environment cannot be as asked: no process can have it, or the host does not give it."""


class SandboxUnavailableError(StartError):
    """The host cannot confine the process as asked."""
