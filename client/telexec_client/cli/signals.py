"""What signals to `telexec` do to the remote process."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Self

from telexec_client.cli.exit_codes import killed_by
from telexec_client.cli.terminal import terminal_size
from telexec_client.errors import ProcessNotFoundError, UnsupportedError
from telexec_client.process import Process
from telexec_schemas.process import TerminalSize

END_DEADLINE_S = 3.0
"""How long the remote process and the last of its output may take after SIGTERM or SIGHUP."""


class _Order(Enum):
    """What is to be done to the process."""

    INTERRUPT = auto()
    HANG_UP = auto()
    TERMINATE = auto()
    RESIZE = auto()
    REDRAW = auto()
    DETACH = auto()


class DetachedError(Exception):
    """The process is to be left to its session."""


class CallerSignals:
    """The signals that the caller sends, passed on while a process runs.

    ^C interrupts the process, a second one terminates it, a third leaves at once. SIGTERM and
    SIGHUP terminate it. Before there is a process, each of them ends `task`; where that has asked
    for it (`finish_first`), not before it can have come to a point where nothing is left to chance.
    Signals that the caller has ignored (nohup) stay ignored.
    """

    def __init__(self, task: asyncio.Task[int], *, at_leaving: Callable[[], None]) -> None:
        self._task = task
        self._at_leaving = at_leaving
        self._loop = asyncio.get_running_loop()
        self._installed: list[signal.Signals] = []
        self._orders: set[_Order] = set()
        self._has_orders = asyncio.Event()
        self._has_process = False
        self._interrupts = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._detaches_at_hang_up = False
        self._finishes_first = False
        self.ended_by: signal.Signals | None = None

    def __enter__(self) -> Self:
        self._install(signal.SIGINT, self._on_interrupt)
        self._install(signal.SIGTERM, self._on_ending, signal.SIGTERM)
        self._install(signal.SIGHUP, self._on_ending, signal.SIGHUP)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in self._installed:
            self._loop.remove_signal_handler(number)
        if self._deadline is not None:
            self._deadline.cancel()

    def watch_size(self) -> None:
        """Note from now on when our terminal gets another size: the process's gets it, too."""
        self._install(signal.SIGWINCH, self._order, _Order.RESIZE)

    def attach(self) -> None:
        """Note that there is a process: what comes from now on is for it."""
        self._has_process = True

    def finish_first(self) -> None:
        """Have a signal end the task after `END_DEADLINE_S` only: it looks at `ended_by` itself.

        A second one leaves at once.
        """
        self._finishes_first = True

    def watch_terminal(self, *, suspend: Callable[[], None], go_on: Callable[[], None]) -> None:
        """Note that the terminal is held: it is given back before we stop or end."""
        self._install(signal.SIGTSTP, suspend)
        self._install(signal.SIGCONT, go_on)
        self._install(signal.SIGQUIT, self._on_ending, signal.SIGQUIT)

    def detach_at_hang_up(self) -> None:
        """Leave the process to its session when the terminal goes: SIGHUP."""
        self._detaches_at_hang_up = True

    def detach(self) -> None:
        """Leave the process to its session: `pass_on` says so."""
        self._order(_Order.DETACH)

    def hang_up(self) -> None:
        """End the process as a terminal does that goes, and this program with it.

        A second time this program is left at once.
        """
        if self.ended_by is not None:
            self._leave_now(signal.SIGHUP)
        self._order(_Order.HANG_UP)
        self._end_by(signal.SIGHUP)

    def redraw(self) -> None:
        """Have a program that uses the whole screen draw it again."""
        self._order(_Order.REDRAW)

    async def pass_on(self, process: Process) -> None:
        """Do to `process` what the caller's signals asked for since `attach`, until cancelled.

        Raises:
            DetachedError: It is to be left to its session.
        """
        while True:
            await self._has_orders.wait()
            self._has_orders.clear()
            orders, self._orders = self._orders, set()
            # A process that has just ended needs none of this any more.
            with suppress(ProcessNotFoundError):
                if _Order.DETACH in orders:
                    raise DetachedError
                if _Order.REDRAW in orders:
                    # Programs draw anew for another size only.
                    size = terminal_size()
                    await process.resize(TerminalSize(size.rows + 1, size.columns))
                if _Order.RESIZE in orders or _Order.REDRAW in orders:
                    await process.resize(terminal_size())
                if _Order.HANG_UP in orders:
                    # Interactive shells care for no TERM. A plain host has no such signal, and
                    # no grace for it either.
                    with suppress(UnsupportedError):
                        await process.signal("SIGHUP")
                if _Order.TERMINATE in orders:
                    await process.terminate()
                elif _Order.INTERRUPT in orders:
                    await process.signal("SIGINT")

    def leave(self, number: signal.Signals = signal.SIGINT) -> None:
        """End this program at once, as a third ^C does."""
        self._leave_now(number)

    def _install(
        self, number: signal.Signals, handler: Callable[..., None], *arguments: object
    ) -> None:
        if signal.getsignal(number) is not signal.SIG_IGN:
            self._loop.add_signal_handler(number, handler, *arguments)
            self._installed.append(number)

    def _order(self, order: _Order) -> None:
        self._orders.add(order)
        self._has_orders.set()

    def _on_interrupt(self) -> None:
        self._interrupts += 1
        if self._finishes_first:
            self._on_ending(signal.SIGINT)
        elif not self._has_process:
            self._leave_soon(signal.SIGINT)
        elif self._interrupts == 1:
            self._order(_Order.INTERRUPT)
        elif self._interrupts == 2:
            self._order(_Order.TERMINATE)
        else:
            self._leave_now(signal.SIGINT)

    def _on_ending(self, number: signal.Signals) -> None:
        if self._finishes_first:
            if self.ended_by is not None:
                self._leave_now(number)
            self._end_by(number)
            return
        if not self._has_process or self.ended_by is not None:
            self._leave_soon(number)
            return
        if number == signal.SIGHUP and self._detaches_at_hang_up:
            self.detach()
            return
        self._end_by(number)

    def _end_by(self, number: signal.Signals) -> None:
        self.ended_by = number
        self._order(_Order.TERMINATE)
        self._deadline = self._loop.call_later(END_DEADLINE_S, self._task.cancel)

    def _leave_soon(self, number: signal.Signals) -> None:
        """End the task, which closes what it opened; who asks again leaves at once."""
        if self.ended_by is not None and self._task.cancelling():
            self._leave_now(number)
        self.ended_by = number
        self._task.cancel()

    def _leave_now(self, number: signal.Signals) -> None:
        self._at_leaving()
        # Nothing is waited for: the host ends what we leave when the session's lease is over.
        os._exit(killed_by(number))
