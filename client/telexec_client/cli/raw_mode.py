"""Raw mode of a terminal: every key goes through as it is typed."""

import termios
import tty
from contextlib import suppress
from typing import Any


class RawMode:
    """A terminal's mode in which every key goes to the remote terminal as it is typed.

    Entered with `set`, left with `restore`, which may be called at any time and more than once.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._mode: list[Any] | None = None

    def set(self) -> None:
        """Enter raw mode, also anew: the mode to give back is that of the first time.

        Raises:
            termios.error: The terminal has gone.
        """
        mode = termios.tcgetattr(self._fd)
        self._mode = mode if self._mode is None else self._mode
        # What was typed ahead stays, as with ssh(1): it is for whoever reads next, which is us.
        tty.setraw(self._fd, termios.TCSADRAIN)

    def restore(self) -> None:
        """Give the terminal back as it was.

        Keys that were not read yet are dropped: they were meant for the remote terminal, and not
        for the shell here.
        """
        if self._mode is not None:
            # A terminal that has gone meanwhile has no mode to give back.
            with suppress(termios.error):
                termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._mode)
            self._mode = None
