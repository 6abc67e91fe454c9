"""Exit codes of the `telexec` command that are not the remote process's own.

They are those of timeout(1), env(1) and docker-run(1), so that scripts can expect them.
"""

TIMED_OUT = 124
"""The process was ended because its time was over."""

NOT_INSTALLED = 2
"""A package that the command line needs is missing: nothing of it can run."""

OWN_FAILURE = 125
"""telexec itself failed: bad usage, no connection, a lost session."""

NOT_EXECUTABLE = 126
"""The program was found but cannot be executed."""

NOT_FOUND = 127
"""The program was not found on the host."""

BROKEN_PIPE = 141
"""Whoever read our output has gone: 128 + SIGPIPE, as a shell tells it."""


def killed_by(signal_number: int) -> int:
    """Return the exit code of a process that a signal ended, as a shell tells it."""
    return 128 + signal_number
