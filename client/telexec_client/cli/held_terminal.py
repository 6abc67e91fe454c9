"""The caller's terminal while a remote one is behind it."""

import asyncio
import os
import select
import signal
import termios
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from telexec_client import Client, Process, TelexecError
from telexec_client.cli.escape_keys import EscapeAction, EscapeKeys
from telexec_client.cli.keys import Keys
from telexec_client.cli.message import say
from telexec_client.cli.raw_mode import RawMode
from telexec_client.cli.screen import ScreenModes
from telexec_client.cli.shown_output import OutputUnwritableError
from telexec_client.cli.signals import CallerSignals
from telexec_client.cli.stdin import STDIN, StdinSource
from telexec_client.cli.terminal import CallersTerminal, terminal_size
from telexec_client.errors import OutputGapError

UNSAID_S = 1.5
"""A connection that is back within this time was never lost, as far as the caller need know."""

_STDOUT, _STDERR = 1, 2

_HELP = {
    EscapeAction.END: ".   end what runs there",
    EscapeAction.DETACH: "d   leave it running, and detach (also {}&)",
    EscapeAction.SUSPEND: "^Z  suspend telexec",
    EscapeAction.HELP: "?   this help",
}


class HeldTerminal(CallersTerminal):
    """The caller's terminal: `hold` gives it to a remote one, `give_back` to whoever had it.

    While it is held, telexec says what it has to say so that what is on the screen suffers little.

    Args:
        escape: See `EscapeKeys`.
        can_detach: Whether the process can be left to its session.
    """

    def __init__(self, escape: int | None, *, can_detach: bool) -> None:
        self._raw_mode = RawMode(STDIN)
        self._is_held = False
        self._screen = ScreenModes()
        self._is_line_open = False
        self._escape = escape
        self._can_detach = can_detach
        self._actions = tuple(
            action for action in EscapeAction if can_detach or action is not EscapeAction.DETACH
        )

    def hold(
        self, client: Client, process: Process, signals: CallerSignals
    ) -> Mapping[str, Coroutine[Any, Any, None]]:
        """See `CallersTerminal`."""

        def act(action: EscapeAction) -> None:
            if action is EscapeAction.HELP:
                self._help()
            elif action is EscapeAction.SUSPEND:
                self._suspend()
            elif action is EscapeAction.DETACH:
                signals.detach()
            elif client.is_connected:
                signals.hang_up()
            else:
                # Nobody hears us: the host ends what we leave when the session's lease is over.
                signals.leave(signal.SIGHUP)

        signals.watch_terminal(suspend=self._suspend, go_on=partial(self._go_on, signals.redraw))
        self._raw_mode.set()
        self._is_held = True
        escapes = EscapeKeys(self._escape, self._actions)
        keys = Keys(
            StdinSource(),
            leave=signals.leave,
            escapes=escapes,
            act=act,
            detaches_at_end=self._can_detach,
        )
        return {
            "keys": keys.forward(process),
            "link": self._tell_of_link(client, signals.redraw),
        }

    def shown(self, data: bytes) -> None:
        """See `CallersTerminal`."""
        self._screen.follow(data)
        self._is_line_open = not data.endswith((b"\n", b"\r"))

    def unwritable(self, error: OutputUnwritableError) -> None:
        """See `CallersTerminal`."""
        # SIGHUP says what is to become of the process, or the end of the keys.
        if not error.is_hung_up:
            raise error

    def missed(self, error: OutputGapError) -> None:
        """See `CallersTerminal`."""
        # What is shown next would have gone on somewhere else, but keys and programs still work.
        amount = "some" if error.lost_bytes is None else f"{error.lost_bytes} bytes"
        self._say(f"{amount} of its output are missing here: the host keeps no more")

    def give_back(self, *, at_line_start: bool = False) -> None:
        """See `CallersTerminal`."""
        if not self._is_held:
            return
        self._is_held = False
        # Of a program that had no time to tidy up; while the terminal still takes it as it is.
        _write(_STDOUT, self._screen.undo())
        if at_line_start and self._is_line_open:
            _write(_STDOUT, b"\r\n")
        self._raw_mode.restore()

    def _suspend(self) -> None:
        """Give the terminal back and stop, as any program at SIGTSTP; go on with SIGCONT."""
        _write(_STDOUT, self._screen.undo())
        self._raw_mode.restore()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _go_on(self, redraw: Callable[[], None]) -> None:
        """Hold the terminal again if it was held before telexec was stopped."""
        if not self._is_held:
            return
        try:
            self._raw_mode.set()
        except termios.error:
            # It has gone: who hangs up sends SIGCONT, too (setpgid(2)).
            return
        _write(_STDOUT, self._screen.redo())
        if self._screen.is_alternate:
            redraw()

    async def _tell_of_link(self, client: Client, redraw: Callable[[], None]) -> None:
        """Say when the connection is lost and when it is back, until the session has ended.

        Args:
            client: Has the connection.
            redraw: Has the remote program draw its screen again.
        """
        try:
            while True:
                await client.until_disconnected()
                if not await self._is_back_soon(client):
                    self._say("the connection is lost; what is typed now waits for it to come back")
                    await client.until_connected()
                    self._say("the connection is back")
                    if self._screen.is_alternate:
                        redraw()
        except TelexecError:
            # Whoever waits for the process hears why there will be no connection any more.
            return

    def _say(self, text: str) -> None:
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

    def _help(self) -> None:
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
