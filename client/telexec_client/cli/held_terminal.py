"""The caller's terminal while a remote one is behind it."""

import asyncio
import os
import select
import signal
from collections.abc import Callable, Collection
from contextlib import suppress

from telexec_client import Client, TelexecError
from telexec_client.cli.escape_keys import EscapeAction, EscapeKeys
from telexec_client.cli.message import say
from telexec_client.cli.screen import ScreenModes
from telexec_client.cli.stdin import STDIN
from telexec_client.cli.terminal import RawMode, terminal_size

UNSAID_S = 1.5
"""A connection that is back within this time was never lost, as far as the caller need know."""

_STDOUT, _STDERR = 1, 2

_HELP = {
    EscapeAction.END: ".   end what runs there",
    EscapeAction.DETACH: "d   leave it running, and detach (also {}&)",
    EscapeAction.SUSPEND: "^Z  suspend telexec",
    EscapeAction.HELP: "?   this help",
}


class HeldTerminal:
    """The caller's terminal: `hold` gives it to a remote one, `give_back` to whoever had it.

    `give_back` may be called at any time, and more than once. While the terminal is held, telexec
    says what it has to say so that what is on the screen suffers little.

    Args:
        escape: See `EscapeKeys`.
        actions: What the keys after the escape may ask for.
    """

    def __init__(self, escape: int | None, actions: Collection[EscapeAction]) -> None:
        self._raw_mode = RawMode(STDIN)
        self._is_held = False
        self._screen = ScreenModes()
        self._is_line_open = False
        self._escape = escape
        self._actions = tuple(action for action in EscapeAction if action in actions)
        self._escape_keys = EscapeKeys(escape, self._actions)

    @property
    def escape_keys(self) -> EscapeKeys:
        """Sorts what is typed."""
        return self._escape_keys

    def hold(self) -> None:
        """Have every key go to the remote terminal as it is typed."""
        self._raw_mode.set()
        self._is_held = True

    def give_back(self, *, at_line_start: bool = False) -> None:
        """Give the terminal back as it was; `at_line_start`: something is going to be said."""
        if not self._is_held:
            return
        self._is_held = False
        # Of a program that had no time to tidy up; while the terminal still takes it as it is.
        _write(_STDOUT, self._screen.undo())
        if at_line_start and self._is_line_open:
            _write(_STDOUT, b"\r\n")
        self._raw_mode.restore()

    def suspend(self) -> None:
        """Give the terminal back and stop, as any program at SIGTSTP; go on with SIGCONT."""
        self._raw_mode.restore()
        os.kill(os.getpid(), signal.SIGSTOP)

    def go_on(self) -> None:
        """Hold the terminal again if it was held before telexec was stopped."""
        if self._is_held:
            self._raw_mode.restore()
            self._raw_mode.set()

    def shown(self, data: bytes) -> None:
        """Take note of what the remote program shows."""
        self._screen.follow(data)
        self._is_line_open = not data.endswith((b"\n", b"\r"))

    async def tell_of_link(self, client: Client, redraw: Callable[[], None]) -> None:
        """Say when the connection is lost and when it is back, until the session has ended.

        Args:
            client: Has the connection.
            redraw: Has the remote program draw its screen again.
        """
        try:
            while True:
                await client.until_disconnected()
                if not await self._is_back_soon(client):
                    self.say("the connection is lost; what is typed now waits for it to come back")
                    await client.until_connected()
                    self.say("the connection is back")
                    if self._screen.is_alternate:
                        redraw()
        except TelexecError:
            # Whoever waits for the process hears why there will be no connection any more.
            return

    def say(self, text: str) -> None:
        """Say a line on stderr: over the last one of a program that uses the whole screen."""
        if not self._is_held or not os.isatty(_STDERR):
            say(text)
        elif self._screen.is_alternate:
            # Save the cursor, go to the last row, invert, write, clear, and go back (DEC, ECMA-48).
            row = terminal_size().rows
            _write(_STDERR, f"\x1b7\x1b[{row};1H\x1b[7mtelexec: {text}\x1b[0m\x1b[K\x1b8".encode())
        else:
            start = "\r\n" if self._is_line_open else "\r"
            _write(_STDERR, f"{start}telexec: {text}\r\n".encode())
            self._is_line_open = False

    def help(self) -> None:
        """Say which keys are for telexec."""
        if self._escape is None:
            return
        key = chr(self._escape)
        lines = [f"At the start of a line, {key} and one of these keys is for telexec:"]
        lines += [f"  {key}{_HELP[action].format(key)}" for action in self._actions]
        lines += [f"  {key}{key}   a {key}"]
        _write(_STDERR, b"\r\n" + "".join(f"{line}\r\n" for line in lines).encode())
        self._is_line_open = False

    async def _is_back_soon(self, client: Client) -> bool:
        try:
            async with asyncio.timeout(UNSAID_S):
                await client.until_connected()
        except TimeoutError:
            return False
        return True


def _write(fd: int, data: bytes) -> None:
    # Nobody is waited for, and a terminal that has gone shows nothing any more.
    with suppress(OSError):
        if data and select.select([], [fd], [], 0)[1]:
            os.write(fd, data)
