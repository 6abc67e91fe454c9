"""What the exit code is when `telexec` could not do what it was asked for."""

from telexec_client.cli.exit_codes import NOT_EXECUTABLE, NOT_FOUND, OWN_FAILURE, TIMED_OUT
from telexec_client.errors import (
    ProcessTimeoutError,
    ProgramNotExecutableError,
    ProgramNotFoundError,
)


def exit_code_of(error: Exception) -> int:
    """Return the exit code that tells a failure, as timeout(1) and env(1) would."""
    if isinstance(error, ProgramNotFoundError):
        return NOT_FOUND
    if isinstance(error, ProgramNotExecutableError):
        return NOT_EXECUTABLE
    if isinstance(error, ProcessTimeoutError):
        return TIMED_OUT
    return OWN_FAILURE
