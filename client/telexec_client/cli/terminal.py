"""The caller's terminal, as far as every run has to do with it."""

import os
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from telexec_schemas.process import TerminalSize

if TYPE_CHECKING:
    from telexec_client.cli.shown_output import OutputUnwritableError
    from telexec_client.cli.signals import CallerSignals
    from telexec_client.client import Client
    from telexec_client.errors import OutputGapError
    from telexec_client.process import Process

_STANDARD_DESCRIPTORS = (0, 1, 2)


def terminal_size() -> TerminalSize:
    """Return the size of the caller's terminal; 24 by 80 without one or where it says 0."""
    for fd in _STANDARD_DESCRIPTORS:
        try:
            size = os.get_terminal_size(fd)
        except OSError:
            continue
        if size.lines > 0 and size.columns > 0:
            return TerminalSize(rows=size.lines, columns=size.columns)
    return TerminalSize()


class CallersTerminal:
    """The caller's terminal, left to whoever has it: nothing here does anything."""

    def hold(
        self, client: "Client", process: "Process", signals: "CallerSignals"
    ) -> Mapping[str, Coroutine[Any, Any, None]]:
        """Give the terminal to a process, and return what is to be done meanwhile, by its names."""
        del client, process, signals
        return {}

    def shown(self, data: bytes) -> None:
        """Take note of what the process shows."""

    def unwritable(self, error: "OutputUnwritableError") -> None:
        """Go on without showing any more output, or else raise the error that says why."""
        raise error

    def missed(self, error: "OutputGapError") -> None:
        """Go on without output that is lost, or else raise the error that says so."""
        raise error

    def give_back(self, *, at_line_start: bool = False) -> None:
        """Give the terminal back as it was; `at_line_start`: something is going to be said.

        May be called at any time, and more than once.
        """
