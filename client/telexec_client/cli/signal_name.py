"""Signals as people name them: pure."""

import signal

from telexec_client.cli.errors import CommandError
from telexec_client.cli.printable import printable


class InvalidSignalError(CommandError):
    """A text names no signal."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"cannot use {printable(text)!r} as a signal: write TERM, SIGTERM or 15; "
            "kill -l lists all"
        )


def parse_signal(text: str) -> str:
    """Return the name of a signal, such as `SIGTERM`.

    Args:
        text: The name, with or without `SIG`, in small or capital letters; or the number.

    Raises:
        InvalidSignalError: There is no such signal.
    """
    name = text.upper()
    try:
        if name.isascii() and name.isdigit():
            return signal.Signals(int(name)).name
        return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"].name
    except (KeyError, ValueError) as error:
        raise InvalidSignalError(text) from error
