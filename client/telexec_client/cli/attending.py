"""Being at a remote process: its output, the caller's terminal and signals."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine

from telexec_client import Client, Process
from telexec_client.cli.escape_keys import EscapeAction
from telexec_client.cli.exit_codes import OWN_FAILURE, killed_by
from telexec_client.cli.held_terminal import HeldTerminal
from telexec_client.cli.keys import Keys
from telexec_client.cli.shown_output import ShownOutput
from telexec_client.cli.signals import CallerSignals
from telexec_client.cli.stdin import StdinSource


async def under_signals(
    terminal: HeldTerminal, attend: Callable[[CallerSignals], Awaitable[int]]
) -> int:
    """Do what `attend` does, with the caller's signals; return the exit code.

    The terminal is given back, whatever happens.
    """
    task = asyncio.current_task()
    assert task is not None
    with CallerSignals(task, at_leaving=terminal.give_back) as signals:
        try:
            exit_code = await attend(signals)
        except asyncio.CancelledError:
            # Only a signal of the caller cancels the command: this is the end that it asked for.
            if signals.ended_by is None:
                raise
            exit_code = OWN_FAILURE
        except Exception:
            terminal.give_back(at_line_start=True)
            raise
        finally:
            terminal.give_back(at_line_start=signals.ended_by is not None)
        return exit_code if signals.ended_by is None else killed_by(signals.ended_by)


def hold(
    terminal: HeldTerminal, client: Client, process: Process, signals: CallerSignals
) -> dict[str, Coroutine[object, object, None]]:
    """Hold the terminal for a process, and return what is to be done meanwhile."""

    def act(action: EscapeAction) -> None:
        if action is EscapeAction.HELP:
            terminal.help()
        elif action is EscapeAction.SUSPEND:
            terminal.suspend()
        elif action is EscapeAction.DETACH:
            signals.detach()
        elif client.is_connected:
            signals.hang_up()
        else:
            # Nobody hears us: the host ends what we leave when the lease of the session is over.
            signals.leave(signal.SIGHUP)

    signals.watch_terminal(suspend=terminal.suspend, go_on=terminal.go_on)
    terminal.hold()
    keys = Keys(StdinSource(), leave=signals.leave, escapes=terminal.escape_keys, act=act)
    return {
        "keys": keys.forward(process),
        "link": terminal.tell_of_link(client, signals.redraw),
    }


async def show(process: Process, terminal: HeldTerminal) -> None:
    """Hand on the output of a process, to its end.

    Raises:
        OutputUnwritableError: It cannot be written here.
        OutputGapError: Some of it was lost; calling this again goes on behind that.
    """
    shown = ShownOutput()
    async for piece in process.output():
        await shown.write(piece.data, is_error=piece.stream == "stderr")
        terminal.shown(piece.data)
