"""One child: its output into the log, its input from the queue, and the truth about its end."""

import asyncio
import functools
import os
import signal
from collections.abc import Callable

import msgspec

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.identifiers import ProcessId, WriteId
from telexec_schemas.process import (
    EndReason,
    Overflow,
    Stream,
    Survivor,
    TerminalSize,
    Usage,
    WriteStatus,
)
from telexec_service.config import Limits
from telexec_service.core.account import ProcessAccount
from telexec_service.core.delivery import Delivery
from telexec_service.core.failure import RpcFailure
from telexec_service.core.host_memory import HostMemory
from telexec_service.core.origin import Origin
from telexec_service.core.output_log import OutputLog
from telexec_service.core.spill import Spill
from telexec_service.processes.cgroups import Cgroups
from telexec_service.processes.offspring import Offspring
from telexec_service.processes.output_pipe import OutputPipe
from telexec_service.processes.spawner import Child, set_terminal_size
from telexec_service.processes.spill_file import SpillFile
from telexec_service.processes.stdin import StdinWriter
from telexec_service.processes.tree import Tree


class Exit(msgspec.Struct, frozen=True):
    """How a child ended; `code` is 128+N after death by signal N."""

    code: int
    signal: str | None
    reason: EndReason
    usage: Usage


class Process:
    """A child from its start until it is forgotten.

    Everything happens in callbacks of the loop. `on_change` is called after events were appended to
    the log; it must call `regulate` once it has moved the delivery on.

    Args:
        account: What is counted of it.
        serial: What the child's mark says.
        credit_bytes: See `Delivery`.
        overflow: See `Delivery`.
        spill: Takes what does not fit into memory; None: it is dropped.
        memory: Says whether all processes together keep too much; None: nobody says.
        on_change: Called with this process.
        on_exit: Called once with this process, when the child is gone.
        on_end: Called once with this process, when all of it is known, or it is given up.
        on_survivors: Called with this process and what could not be ended of its tree; not once it
            is closed, when its tree is a part of its session's.

    Attributes:
        origin: How it was started, where that is remembered.
        is_awaited: Whether its output waits for its client to ask for it.
    """

    def __init__(
        self,
        process_id: ProcessId,
        child: Child,
        limits: Limits,
        *,
        account: ProcessAccount,
        serial: int,
        credit_bytes: int | None,
        overflow: Overflow = "pause",
        spill: SpillFile | None = None,
        memory: HostMemory | None = None,
        offspring: Offspring,
        on_change: Callable[["Process"], None],
        on_exit: Callable[["Process"], None],
        on_end: Callable[["Process"], None],
        on_survivors: Callable[["Process", tuple[Survivor, ...]], None],
    ) -> None:
        self.process_id = process_id
        self.handle: int | None = None
        self.origin: Origin | None = None
        self.is_awaited = False
        self.pid = child.pid
        self.account = account
        self._spill = spill
        self._memory = memory
        self.log = OutputLog(
            capacity_bytes=limits.retained_bytes,
            capacity_events=limits.retained_events,
            spill=None if spill is None else Spill(spill, capacity_bytes=spill.capacity_bytes),
        )
        self.delivery = Delivery(self.log, credit_bytes=credit_bytes, overflow=overflow)
        self._loop = asyncio.get_running_loop()
        self._pidfd = child.pidfd
        self._serial = serial
        self._readiness = offspring.readiness
        self._reaper = offspring.reaper
        self._ender = offspring.ender
        self._cgroups = offspring.cgroups
        self._meter = offspring.meter
        self._on_change = on_change
        self._on_exit = on_exit
        self._on_end = on_end
        self._on_survivors = on_survivors
        self._is_closed = False
        self._tree_ended: asyncio.Future[tuple[Survivor, ...]] | None = None
        self._is_end_told = False
        self._is_on_pty = child.is_on_pty
        self._exit: Exit | None = None
        self._end_reason: EndReason | None = None
        self._is_ending = False
        self._deadline: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._last_output: float | None = None
        self._had_room = True
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
            OutputPipe(
                self._readiness,
                descriptor,
                stream,
                self._take,
                self._advance,
                retained_bytes=limits.retained_bytes,
            )
            for descriptor, stream in streams
        ]
        for pipe in self._pipes:
            pipe.set_reading(True)
        self._readiness.watch(self._pidfd, self._reap)
        self._reaper.announce(self.pid, serial)

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
        """End the process after `timeout_s`: TERM to its tree, and KILL `kill_grace_s` later."""
        self._deadline = self._loop.call_later(
            timeout_s, self._end_in_time, EndReason.TIMEOUT, kill_grace_s
        )

    def end_when_idle(self, idle_s: float, kill_grace_s: float) -> None:
        """Do the same once there was no output for `idle_s`, while the host was taking some."""
        self._last_output = self._loop.time()
        self._check_idle(idle_s, kill_grace_s)

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

    def terminate(self) -> bool:
        """Kill the process with its tree; False if the child had already ended.

        What it left behind then stays.
        """
        if not self.is_running:
            return False
        self.end(EndReason.TERMINATED, 0)
        return True

    def end(self, reason: EndReason, grace_s: float) -> asyncio.Future[tuple[Survivor, ...]]:
        """End the process and all that it started; see `TreeEnder.end`."""
        self.note_end(reason)
        self._is_ending = True
        tree = Tree((range(self._serial, self._serial + 1),))
        note_kill: Callable[[], None] | None = None
        if grace_s > 0:
            note_kill = functools.partial(self.account.add_kill, reason)
        elif self.is_running:
            self.account.add_kill(reason)
        ended = self._ender.end(tree, grace_s, on_kill=note_kill)
        if ended is not self._tree_ended:
            self._tree_ended = ended
            ended.add_done_callback(self._note_survivors)
        return ended

    def note_end(self, reason: EndReason) -> None:
        """Note why the process will have ended, if nothing ended it before."""
        self._end_reason = self._end_reason or reason

    def regulate(self) -> None:
        """Let the child go on or wait, as the log has room, and drop what may be dropped."""
        self.log.trim(self.delivery.pinned_byte)
        self.account.set_retained(self.log.retained_bytes)
        has_room = not self.delivery.is_log_full
        if has_room and self._memory is not None and self._memory.is_full:
            has_room = not self.delivery.is_beyond_its_part
        if has_room == self._had_room:
            return
        if has_room and self._last_output is not None:
            # It could not write until now.
            self._last_output = self._loop.time()
        self._had_room = has_room
        for pipe in self._pipes:
            pipe.set_reading(has_room)

    def abandon_output(self) -> None:
        """Read what it still writes, so that it can go on, and keep none of it.

        A PTY is closed instead: that hangs it up (SIGHUP), as programs on terminals expect.
        """
        self.delivery.abandon()
        if self._is_on_pty:
            self._stdin.close()
            for pipe in self._pipes:
                pipe.close()
        self.regulate()

    def shrink(self) -> None:
        """Keep no more in memory than must be."""
        self.log.shrink(self.delivery.pinned_byte)
        self.account.set_retained(self.log.retained_bytes)

    def add_reader(self, on_change: Callable[[], None]) -> None:
        """Have a function called after every change of the log."""
        self._readers.add(on_change)

    def remove_reader(self, on_change: Callable[[], None]) -> None:
        """Stop calling a function that `add_reader` was given."""
        self._readers.discard(on_change)

    def close(self, reason: EndReason) -> None:
        """Give back every descriptor. Idempotent. Ending the process is the caller's business.

        A child that still runs is left to the reaper.
        """
        if self._pidfd >= 0:
            self._readiness.unwatch(self._pidfd)
            self._reaper.adopt(self.pid, self._pidfd)
            self._pidfd = -1
            self.note_end(reason)
            self.account.end(reason, self._loop.time())
            if self._cgroups is not None:
                self._cgroups.release(self._serial)
        self._is_closed = True
        self._cancel_timers()
        self._stdin.close()
        for pipe in self._pipes:
            pipe.close()
        self._readers.clear()
        self._tell_end()
        self.forget()

    def forget(self) -> None:
        """Keep nothing of its output any more. Idempotent."""
        # A process and its pipes know each other: what they hold would stay until the garbage
        # collector comes, and output alone does not make it come.
        self.log.drop_output()
        if self._spill is not None:
            self._spill.close()
        self.account.close()

    def _note_survivors(self, ended: "asyncio.Future[tuple[Survivor, ...]]") -> None:
        if ended.result() and not self._is_closed:
            self._on_survivors(self, ended.result())

    def _take(self, stream: Stream, data: bytes) -> None:
        self.log.append_output(stream, data)
        self.account.add_output(stream, len(data))
        if self._last_output is not None:
            self._last_output = self._loop.time()
        if self._exit is None:
            self._tell_change()
        else:
            self._advance()

    def _reap(self) -> None:
        pid, status, used = os.wait4(self.pid, os.WNOHANG)
        if pid == 0:
            return
        self._readiness.unwatch(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self._reaper.forget(self.pid)
        self._cancel_timers()
        if self._is_ending:
            self._ender.look()
        self._exit = exited = _read_status(status, self._end_reason, self._meter.read(used))
        if self._cgroups is not None:
            self._exit = exited = self._leave_cgroup(self._cgroups, exited)
        for pipe in self._pipes:
            pipe.note_exit()
        for pipe in self._pipes:
            pipe.read_owed()
        self.account.end(exited.reason, self._loop.time())
        self._on_exit(self)
        self._advance()

    def _leave_cgroup(self, cgroups: Cgroups, exited: Exit) -> Exit:
        is_killed = exited.signal == signal.SIGKILL.name and exited.reason is EndReason.SIGNALED
        if is_killed and cgroups.ran_out_of_memory(self._serial):
            exited = msgspec.structs.replace(exited, reason=EndReason.OOM)
        cgroups.release(self._serial)
        return exited

    def _cancel_timers(self) -> None:
        for timer in (self._deadline, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self._deadline = self._idle_timer = None

    def _advance(self) -> None:
        """Note the exit once what was written before it is in the log, and the close after it."""
        end = self._exit
        if end is None:
            return
        if self.log.exit is None and not any(pipe.owes for pipe in self._pipes):
            self.log.append_exit(end.code, end.signal, end.reason, end.usage)
        if self.log.exit is not None and not any(pipe.is_open for pipe in self._pipes):
            self._stdin.close()
            if not self.log.is_closed:
                self.log.append_closed()
                self._tell_end()
        self._tell_change()

    def _tell_change(self) -> None:
        self._on_change(self)
        for on_change in tuple(self._readers):
            on_change()

    def _tell_end(self) -> None:
        if not self._is_end_told:
            self._is_end_told = True
            self._on_end(self)

    def _end_in_time(self, reason: EndReason, kill_grace_s: float) -> None:
        self._cancel_timers()
        self.end(reason, kill_grace_s)

    def _check_idle(self, idle_s: float, kill_grace_s: float) -> None:
        now = self._loop.time()
        if not self._had_room:
            self._last_output = now
        quiet_s = now - (self._last_output or 0.0)
        if quiet_s >= idle_s:
            self._end_in_time(EndReason.IDLE_TIMEOUT, kill_grace_s)
        else:
            self._idle_timer = self._loop.call_later(
                idle_s - quiet_s, self._check_idle, idle_s, kill_grace_s
            )


def _read_status(status: int, reason: EndReason | None, usage: Usage) -> Exit:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return Exit(128 + number, _signal_name(number), reason or EndReason.SIGNALED, usage)
    return Exit(os.WEXITSTATUS(status), None, reason or EndReason.EXITED, usage)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        # Real-time signals between SIGRTMIN and SIGRTMAX have no names of their own.
        return f"SIG{number}"
