"""Being at a remote process: its output, the caller's terminal and signals."""

import asyncio
from collections.abc import Awaitable, Callable

from telexec_client import OutputPiece, Process
from telexec_client.cli.exit_codes import OWN_FAILURE, killed_by
from telexec_client.cli.shown_output import OutputUnwritableError, ShownOutput
from telexec_client.cli.signals import CallerSignals
from telexec_client.cli.terminal import CallersTerminal
from telexec_client.errors import OutputGapError


async def under_signals(
    terminal: CallersTerminal, attend: Callable[[CallerSignals], Awaitable[int]]
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


async def show(process: Process, terminal: CallersTerminal) -> None:
    """Hand on the output of a process, to its end.

    Raises:
        OutputUnwritableError: It cannot be written here.
        OutputGapError: Some of it was lost, and `terminal` does not go on without it.
    """
    shown = ShownOutput()
    output = process.output()
    is_more = True
    while is_more:
        try:
            async for piece in output:
                await _show_piece(piece, shown, terminal)
            is_more = False
        except OutputGapError as error:
            terminal.missed(error)


async def _show_piece(piece: OutputPiece, shown: ShownOutput, terminal: CallersTerminal) -> None:
    try:
        await shown.write(piece.data, is_error=piece.stream == "stderr")
    except OutputUnwritableError as error:
        terminal.unwritable(error)
    else:
        terminal.shown(piece.data)
