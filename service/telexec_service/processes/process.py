"""One child: its output into the log, its input from the queue, and the truth about its end."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.identifiers import ProcessId, WriteId
from telexec_schemas.process import EndReason, Stream, TerminalSize, WriteStatus
from telexec_service.config import Limits
from telexec_service.core.account import ProcessAccount
from telexec_service.core.delivery import Delivery
from telexec_service.core.failure import RpcFailure
from telexec_service.core.output_log import OutputLog
from telexec_service.processes.output_pipe import OutputPipe
from telexec_service.processes.reaper import Reaper
from telexec_service.processes.spawner import Child, set_terminal_size
from telexec_service.processes.stdin import StdinWriter


@dataclass(slots=True, frozen=True)
class Exit:
    """How a child ended; `code` is 128+N after death by signal N."""

    code: int
    signal: str | None
    reason: EndReason


class Process:
    """A child from its start until it is forgotten.

    Everything happens in callbacks of the loop. `on_change` is called after events were appended to
    the log; it must call `regulate` once it has moved the delivery on.

    Args:
        account: What is counted of it.
        credit_bytes: See `Delivery`.
        on_change: Called with this process.
        on_exit: Called once with this process, when the child is gone.
        on_end: Called once with this process, when all of it is known, or it is given up.
    """

    def __init__(
        self,
        process_id: ProcessId,
        child: Child,
        limits: Limits,
        *,
        account: ProcessAccount,
        credit_bytes: int | None,
        reaper: Reaper,
        on_change: Callable[["Process"], None],
        on_exit: Callable[["Process"], None],
        on_end: Callable[["Process"], None],
    ) -> None:
        self.process_id = process_id
        self.pid = child.pid
        self.account = account
        self.log = OutputLog(
            capacity_bytes=limits.retained_bytes, capacity_events=limits.retained_events
        )
        self.delivery = Delivery(self.log, credit_bytes=credit_bytes)
        self._loop = asyncio.get_running_loop()
        self._pidfd = child.pidfd
        self._reaper = reaper
        self._on_change = on_change
        self._on_exit = on_exit
        self._on_end = on_end
        self._is_end_told = False
        self._is_on_pty = child.stderr is None
        self._exit: Exit | None = None
        self._end_reason: EndReason | None = None
        self._group_lives = True
        self._deadline: asyncio.TimerHandle | None = None
        self._is_kill_due = False
        self._readers: set[Callable[[], None]] = set()
        self._stdin = StdinWriter(
            self._loop,
            child.stdin,
            limits,
            is_terminal=self._is_on_pty,
        )
        self._terminal = child.stdout if self._is_on_pty else None
        streams: list[tuple[int, Stream]] = [
            (child.stdout, "pty" if self._is_on_pty else "stdout"),
        ]
        if child.stderr is not None:
            streams.append((child.stderr, "stderr"))
        self._pipes = [
            OutputPipe(self._loop, descriptor, stream, self._take, self._advance)
            for descriptor, stream in streams
        ]
        for pipe in self._pipes:
            pipe.set_reading(True)
        self._loop.add_reader(self._pidfd, self._reap)

    @property
    def is_running(self) -> bool:
        """Whether the child itself has not ended yet; its descendants may outlive it."""
        return self._pidfd >= 0

    @property
    def exit(self) -> Exit | None:
        """How the child ended; None: it runs, or was killed and nobody waited for its end."""
        return self._exit

    @property
    def end_reason(self) -> EndReason | None:
        """Why it ended or is being ended."""
        return self._end_reason if self._exit is None else self._exit.reason

    def end_after(self, timeout_s: float, kill_grace_s: float) -> None:
        """End the process after `timeout_s`: TERM to its group, and KILL `kill_grace_s` later."""
        self._deadline = self._loop.call_later(
            timeout_s, self._end_gently, EndReason.TIMEOUT, kill_grace_s
        )

    def write(self, data: bytes, write_id: WriteId) -> WriteStatus | asyncio.Future[WriteStatus]:
        """Write to stdin or the PTY; see `StdinWriter.write`."""
        before = self._stdin.total_bytes
        outcome = self._stdin.write(data, write_id)
        self.account.add_input(self._stdin.total_bytes - before)
        return outcome

    def end_input(self) -> None:
        """End the input once what was written is through: EOF on a pipe, ^D on a PTY."""
        self._stdin.end()

    def resize(self, size: TerminalSize) -> None:
        """Give the PTY another size; after its end this does nothing.

        Raises:
            RpcFailure: The process has no PTY.
        """
        if self._terminal is None:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.PARAMS_INVALID,
                f"cannot resize process {self.process_id!r}: it was started without a PTY",
                subject=self.process_id,
            )
        if self._pipes[0].is_open:
            set_terminal_size(self._terminal, size)

    def signal(self, number: int) -> None:
        """Signal the process group; after the end of the child this does nothing."""
        if not self.is_running:
            return
        try:
            os.killpg(self.pid, number)
        except PermissionError as error:
            raise RpcFailure(
                ErrorCode.INTERNAL,
                ErrorReason.INTERNAL,
                f"cannot signal process {self.process_id!r}: it runs as another user now",
                subject=self.process_id,
            ) from error

    def terminate(self, reason: EndReason = EndReason.TERMINATED) -> bool:
        """Kill the process group; False if the child had already ended."""
        if not self.is_running:
            return False
        self._end_reason = self._end_reason or reason
        self.signal(signal.SIGKILL)
        self.account.add_kill(reason)
        return True

    def interrupt_for_shutdown(self) -> None:
        """Ask the process group to end, because the service does."""
        self._end_reason = self._end_reason or EndReason.SHUTDOWN
        self._try_to_signal(signal.SIGTERM)

    def kill(self, reason: EndReason) -> None:
        """Kill the process group as far as this service may; see `terminate`."""
        self._end_reason = self._end_reason or reason
        self._try_to_signal(signal.SIGKILL)
        self.account.add_kill(reason)

    def regulate(self) -> None:
        """Let the child go on or wait, as the log has room, and drop what may be dropped."""
        self.log.trim(self.delivery.pinned_byte)
        self.account.set_retained(self.log.retained_bytes)
        has_room = not self.delivery.is_log_full
        for pipe in self._pipes:
            pipe.set_reading(has_room)

    def add_reader(self, on_change: Callable[[], None]) -> None:
        """Have a function called after every change of the log."""
        self._readers.add(on_change)

    def remove_reader(self, on_change: Callable[[], None]) -> None:
        """Stop calling a function that `add_reader` was given."""
        self._readers.discard(on_change)

    @property
    def group_lives(self) -> bool:
        """Whether descendants in the process group outlived the child."""
        return not self.is_running and self._group_lives and group_exists(self.pid)

    def close(self, reason: EndReason) -> None:
        """Kill what is left of the process group and give back every descriptor. Idempotent.

        A child that takes a moment to die is left to the reaper.
        """
        if self._pidfd >= 0:
            self.kill(reason)
            self._loop.remove_reader(self._pidfd)
            self._reaper.adopt(self.pid, self._pidfd)
            self._pidfd = -1
            self.account.end(reason, self._loop.time())
        elif self._group_lives:
            kill_group(self.pid)
        self._group_lives = False
        self._cancel_deadline()
        self._stdin.close()
        for pipe in self._pipes:
            pipe.close()
        self._readers.clear()
        self._tell_end()
        self.account.close()

    def _take(self, stream: Stream, data: bytes) -> None:
        self.log.append_output(stream, data)
        self.account.add_output(stream, len(data))
        self._advance()

    def _reap(self) -> None:
        pid, status, _usage = os.wait4(self.pid, os.WNOHANG)
        if pid == 0:
            return
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self._group_lives = group_exists(self.pid)
        if not (self._is_kill_due and self._group_lives):
            self._cancel_deadline()
        self._exit = exited = _read_status(status, self._end_reason)
        for pipe in self._pipes:
            pipe.note_exit()
        for pipe in self._pipes:
            pipe.read_owed()
        self.account.end(exited.reason, self._loop.time())
        self._on_exit(self)
        self._advance()

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _advance(self) -> None:
        """Note the exit once what was written before it is in the log, and the close after it."""
        if self._exit is not None:
            if self.log.exit is None and not any(pipe.owes for pipe in self._pipes):
                self.log.append_exit(self._exit.code, self._exit.signal, self._exit.reason)
            if self.log.exit is not None and not any(pipe.is_open for pipe in self._pipes):
                self._stdin.close()
                if not self.log.is_closed:
                    self.log.append_closed()
                    self._tell_end()
        self._on_change(self)
        for on_change in tuple(self._readers):
            on_change()

    def _tell_end(self) -> None:
        if not self._is_end_told:
            self._is_end_told = True
            self._on_end(self)

    def _end_gently(self, reason: EndReason, kill_grace_s: float) -> None:
        if not self.is_running:
            return
        self._end_reason = self._end_reason or reason
        self._try_to_signal(signal.SIGTERM)
        self._is_kill_due = True
        self._deadline = self._loop.call_later(kill_grace_s, self._kill_group)

    def _kill_group(self) -> None:
        """End what TERM did not, also what outlived the child and holds its output open."""
        self._deadline = None
        kill_group(self.pid)
        self.account.add_kill(self._end_reason or EndReason.TIMEOUT)

    def _try_to_signal(self, number: int) -> None:
        # One that became another user's cannot be ended; that must not keep the others alive.
        with contextlib.suppress(RpcFailure):
            self.signal(number)


def _read_status(status: int, reason: EndReason | None) -> Exit:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return Exit(128 + number, _signal_name(number), reason or EndReason.SIGNALED)
    return Exit(os.WEXITSTATUS(status), None, reason or EndReason.EXITED)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        # Real-time signals between SIGRTMIN and SIGRTMAX have no names of their own.
        return f"SIG{number}"


def group_exists(group: int) -> bool:
    """Whether a process group has a member."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def kill_group(group: int) -> None:
    """Kill what a child left behind in its process group.

    The group's number is not given to another process while a member lives (POSIX, fork).
    """
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # It ended by itself, or became another user's, whom this service may not signal.
        return
