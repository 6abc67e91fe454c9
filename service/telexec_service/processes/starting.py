"""What every child is started with, however it is started."""

import os
import signal
from collections.abc import Mapping, Sequence

import msgspec

DEFAULT_SIGNALS = tuple(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
"""Those that a child does not ignore, whatever this process does."""


class Program(msgspec.Struct, frozen=True):
    """What a child executes, and what it does with descriptors before; see `os.posix_spawn`."""

    file: str
    arguments: list[str]
    environment: Mapping[str, str]
    file_actions: Sequence[tuple[int | str, ...]]


def start(program: Program) -> int:
    """Start a program as the leader of a new session and return its pid.

    Raises:
        OSError: It cannot be started.
    """
    return os.posix_spawn(
        program.file,
        program.arguments,
        program.environment,
        file_actions=program.file_actions,
        setsid=True,
        setsigmask=(),
        setsigdef=DEFAULT_SIGNALS,
    )
