"""One session: its processes and open files, whether or not a connection is attached to it."""

import asyncio
import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from telexec_schemas.attachment import OutputDetached
from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.frame import encode_notice
from telexec_schemas.identifiers import ProcessId, SessionId
from telexec_schemas.methods import DETACHED
from telexec_schemas.process import EndReason, OutputCredit, Overflow, Survivor
from telexec_service.config import Config
from telexec_service.core.account import ProcessAccount
from telexec_service.core.attachment import Attachment
from telexec_service.core.caller import Caller
from telexec_service.core.counters import Counters
from telexec_service.core.delivery import Delivery
from telexec_service.core.failure import RpcFailure, limit_reached
from telexec_service.core.host_memory import HostMemory
from telexec_service.core.origin import Origin
from telexec_service.core.peer import Peer
from telexec_service.filesystem.handles import FileHandles
from telexec_service.observability.audit import AuditLog
from telexec_service.processes.offspring import Offspring
from telexec_service.processes.process import Process
from telexec_service.processes.spawner import Child, SpawnRequest
from telexec_service.processes.spill_file import SpillDirectory
from telexec_service.processes.tree import Tree
from telexec_service.sessions.finished import FinishedProcesses
from telexec_service.sessions.sender import OutputSender, Pushed
from telexec_service.sessions.watch import Watch, Watches


class Session:
    """What a client owns on this host. It outlives its connection for the length of the lease.

    Args:
        name: What its first client called it, if it did.
        log: A structlog logger with the session's id bound.
        audit: Takes what was started and how it ended.
        counters: The service's.
        spills: Makes files for output that memory does not hold; None: it is dropped.
        memory: Says whether all processes of the host keep too much.
        exited: Set whenever a process of any session has ended.

    Attributes:
        lease_s: How long it outlives its connection.
        generation: How often it passed from one client to another.
        audience: Called when it ends, for those who read along.
    """

    def __init__(
        self,
        session_id: SessionId,
        config: Config,
        *,
        name: str | None,
        offspring: Offspring,
        log: Any,
        audit: AuditLog,
        counters: Counters,
        spills: SpillDirectory | None,
        memory: HostMemory,
        exited: asyncio.Event,
    ) -> None:
        self.session_id = session_id
        self.name = name
        self.lease_s = config.sessions.lease_s
        self.generation = 0
        self.audience: set[Callable[[], None]] = set()
        self.files = FileHandles(config.files, offspring.spawner.descriptors.check)
        self._config = config
        self._offspring = offspring
        self._log = log
        self._audit = audit
        self._counters = counters
        self._spills = spills
        self._memory = memory
        self._exited = exited
        self._loop = asyncio.get_running_loop()
        self._processes: dict[ProcessId, Process] = {}
        self._handles: dict[int, ProcessId] = {}
        self._finished = FinishedProcesses(
            config.sessions.finished_s,
            config.limits.max_finished_processes,
            forget=self._forget,
            on_full=lambda: counters.add_limit("max_finished_processes"),
        )
        self._blocks: list[range] = []
        self._serials = iter(range(0))
        self._attachment: Attachment | None = None
        self._caller: Caller | None = None
        self._sender: OutputSender | None = None
        self._watches = Watches()
        self._is_over = False
        self._created_s = self._loop.time()
        self._created_at_s = time.time()
        self._detached_at_s: float | None = None

    @property
    def age_s(self) -> float:
        """How long the session has been there."""
        return self._loop.time() - self._created_s

    @property
    def peer(self) -> Peer | None:
        """The connection that is attached; None while the session is detached."""
        return None if self._attachment is None else self._attachment.peer

    @property
    def caller(self) -> Caller:
        """Who has the session, or had it last."""
        if self._caller is None:
            raise RuntimeError("a session was asked for its client before it had one")
        return self._caller

    @property
    def is_extended(self) -> bool:
        """Whether the attached connection knows our extensions."""
        return self._attachment is not None and self._attachment.terms.is_extended

    @property
    def is_over(self) -> bool:
        """Whether the session has ended."""
        return self._is_over

    @property
    def processes(self) -> Iterator[Process]:
        """Every process that is known, the newest first."""
        return reversed(self._processes.values())

    @property
    def created_at_s(self) -> float:
        """When it was made, in seconds since 1970, UTC."""
        return self._created_at_s

    @property
    def detached_at_s(self) -> float | None:
        """Since when it has no connection, in seconds since 1970, UTC; None: it has one."""
        return self._detached_at_s

    @property
    def running_processes(self) -> Iterator[Process]:
        """The processes whose child has not ended."""
        return (process for process in self._processes.values() if process.is_running)

    @property
    def finished_processes(self) -> Iterator[Process]:
        """Those that have ended and whose end the client was told, the first of them first."""
        return (self._processes[process_id] for process_id in self._finished)

    def attach(self, attachment: Attachment) -> None:
        """Belong to this connection; nothing is pushed before it said that it is ready."""
        self._attachment = attachment
        self._detached_at_s = None
        self._caller = attachment.caller
        if attachment.terms.lease_s is not None:
            self.lease_s = attachment.terms.lease_s

    def pass_on(self, attachment: Attachment) -> None:
        """Belong to another client, which has its connection here.

        It knows nothing of the processes yet: their output waits until it asks for it.
        """
        before = self._attachment
        self.detach()
        self.generation += 1
        self._handles.clear()
        for process in self._processes.values():
            process.handle = None
            process.is_awaited = True
        self.attach(attachment)
        if before is not None:
            before.on_taken_over(attachment.caller)

    def start_pushing(self) -> None:
        """Push output over the attached connection from now on. Again changes nothing."""
        peer = self.peer
        if peer is None or self._sender is not None:
            return
        self._sender = OutputSender(peer, self._note_delivered)
        # Pushing the last of a process may have an older one forgotten.
        for process in tuple(self._processes.values()):
            if not process.is_awaited:
                process.delivery.attach()
                self._sender.announce(process)
                process.regulate()
        self._finished.attach(peer)

    def detach(self) -> None:
        """Go on without a connection; a process waits once its log is full."""
        self._attachment = None
        self._detached_at_s = time.time()
        self._sender = None
        self._finished.detach()
        for watch in self._watches:
            self._stop_watching(watch)
        for process in self._processes.values():
            process.delivery.detach()
            # What waited for the connection has the whole log now.
            process.regulate()

    def attach_output(
        self,
        process_id: ProcessId,
        after_seq: int,
        after_bytes: int,
        *,
        credit_bytes: int | None,
        handle: int | None,
    ) -> Process:
        """Push what is retained of a process after an event, from the next turn of the loop on.

        Args:
            process_id: One of this session's.
            after_seq: 0 pushes from the start.
            after_bytes: How much output there is up to there.
            credit_bytes: See `Delivery`; in the place of what was said before.
            handle: Its number in binary frames from now on; None: its output is pushed as text.

        Raises:
            RpcFailure: It is unknown, or the handle cannot be used.
        """
        process = self.get(process_id)
        if handle != process.handle:
            self._check_handle(process_id, handle)
            self._drop_handle(process)
            if handle is not None:
                process.handle = handle
                self._handles[handle] = process_id
        # It is remembered until it is told anew.
        self._finished.discard(process_id)
        process.is_awaited = False
        process.delivery.rewind(after_seq, after_bytes, credit_bytes=credit_bytes)
        # The answer to who asked goes first.
        self._loop.call_soon(self._on_change, process)
        return process

    def detach_output(self, process_id: ProcessId) -> None:
        """Push nothing more of a process, or of one that is read along. Idempotent."""
        watch = self._watches.find(process_id)
        if watch is not None:
            self._stop_watching(watch)
            return
        process = self._processes.get(process_id)
        if process is None or process.is_awaited:
            return
        if self._sender is not None:
            self._sender.forget(process)
        process.is_awaited = True
        process.delivery.detach()
        process.regulate()

    def watch(
        self,
        owner: "Session",
        source: Process,
        watch_id: ProcessId,
        delivery: Delivery,
        *,
        handle: int | None,
    ) -> Watch:
        """Push the output of a process of another session, from the next turn of the loop on.

        Args:
            owner: The other session.
            source: One of its processes.
            watch_id: What the process is called here.
            delivery: Where to begin; it drops what comes too fast.
            handle: Its number in binary frames; None: its output is pushed as text.

        Raises:
            RpcFailure: Its name here or the handle cannot be used, or too much is read along
                already.
        """
        if watch_id in self._processes or self._watches.find(watch_id) is not None:
            raise process_exists(watch_id)
        self._check_handle(watch_id, handle)
        limit = self._config.limits.max_watches
        if len(self._watches) >= limit:
            raise limit_reached(
                f"cannot read along: this connection does so with {limit} processes already"
                " (max_watches)",
                "max_watches",
                limit,
            )
        watch = Watch(
            watch_id,
            source,
            delivery,
            handle=handle,
            audience=owner.audience,
            on_news=self._announce_watch,
            on_owner_gone=self._lose_watch,
        )
        self._watches.add(watch)
        if handle is not None:
            self._handles[handle] = watch_id
        self._audit.record(
            "process.watched",
            self._caller,
            session_id=owner.session_id,
            process_id=source.process_id,
        )
        self._loop.call_soon(self._announce_watch, watch)
        return watch

    def push(self) -> None:
        """Go on pushing: the peer is no longer congested."""
        if self._sender is not None:
            self._sender.push()

    def start(
        self,
        process_id: ProcessId,
        request: SpawnRequest,
        *,
        origin: Origin,
        credit_bytes: int | None,
        handle: int | None,
        overflow: Overflow,
    ) -> Process:
        """Start a process under a new id; `origin` is what is remembered of it.

        `handle` is its number in binary frames; None: its output is pushed as text. The rest is as
        in `Delivery`.

        Raises:
            RpcFailure: The id or the handle is in use, the connection has no binary frames, too
                many processes run, the start failed, or it could not be recorded and must be.
        """
        if process_id in self._processes or self._watches.find(process_id) is not None:
            raise process_exists(process_id)
        if self._finished.is_forgotten(process_id):
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.PROCESS_UNKNOWN,
                f"cannot start process {process_id!r} again: it has ended, and so many others since"
                " that it is forgotten (max_finished_processes)",
                subject=process_id,
            )
        self._check_handle(process_id, handle)
        self._check_host(process_id)
        limit = self._config.limits.max_processes
        if len(self._processes) - len(self._finished) >= limit:
            raise limit_reached(
                f"cannot start process {process_id!r}: the session already has {limit} processes"
                " (max_processes)",
                "max_processes",
                limit,
            )
        serial = self._next_serial()
        process = Process(
            process_id,
            self._spawn(process_id, request, serial),
            self._config.limits,
            serial=serial,
            account=ProcessAccount(
                self._counters,
                profile=origin.environment.profile,
                tty=request.size is not None,
                now_s=self._loop.time(),
            ),
            credit_bytes=credit_bytes,
            overflow=overflow,
            spill=None if self._spills is None else self._spills.new_file(),
            memory=self._memory,
            offspring=self._offspring,
            on_change=self._on_change,
            on_exit=self._on_exit,
            on_end=self._on_end,
            on_survivors=self._on_survivors,
        )
        process.origin = origin
        self._processes[process_id] = process
        if handle is not None:
            process.handle = handle
            self._handles[handle] = process_id
        return process

    def process_of(self, handle: int) -> ProcessId | None:
        """Return the process with this number in binary frames, if there is one."""
        return self._handles.get(handle)

    def find(self, process_id: ProcessId) -> Process | None:
        """Return a process, or None if it was never started or is forgotten.

        Raises:
            RpcFailure: It is another session's, and only read along.
        """
        process = self._processes.get(process_id)
        if process is None and self._watches.find(process_id) is not None:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.READ_ONLY,
                f"cannot do this to process {process_id!r}: it is another session's, and only read"
                " along here",
                subject=process_id,
            )
        return process

    def get(self, process_id: ProcessId) -> Process:
        """Return a process; one that has ended is kept for a while longer.

        Raises:
            RpcFailure: It was never started, is forgotten, or is only read along.
        """
        process = self.find(process_id)
        if process is None:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.PROCESS_UNKNOWN,
                f"cannot find process {process_id!r}: it was never started, or ended a while ago",
                subject=process_id,
            )
        if process_id in self._finished:
            # Whoever asks for some of it may ask for the rest.
            self._finished.keep(process_id)
        return process

    def record_signal(self, process_id: ProcessId, name: str) -> None:
        """Record that the client has a process signalled."""
        self._audit.record(
            "process.signal",
            self._caller,
            session_id=self.session_id,
            process_id=process_id,
            signal=name,
        )

    def record_change(self, method: str, paths: Mapping[str, str]) -> None:
        """Record that the client is about to change files.

        Raises:
            RpcFailure: It could not be recorded, and must be.
        """
        self._audit.record_change(self._caller, method, session_id=self.session_id, **paths)

    def record_refused_change(
        self, method: str, paths: Mapping[str, str], reason: ErrorReason
    ) -> None:
        """Record that a change that was recorded before failed; some of it may have happened."""
        self._audit.record(
            "file.refused",
            self._caller,
            method=method,
            session_id=self.session_id,
            **paths,
            reason=reason,
        )

    def grant(self, credit: OutputCredit) -> None:
        """Move the credit of a process on; an unknown one has ended."""
        watch = self._watches.find(credit.process_id)
        if watch is not None:
            watch.delivery.grant(credit.up_to_bytes, credit.received_bytes)
            self._announce_watch(watch)
            return
        process = self._processes.get(credit.process_id)
        if process is not None:
            process.delivery.grant(credit.up_to_bytes, credit.received_bytes)
            self._on_change(process)

    def close(
        self, reason: EndReason, grace_s: float
    ) -> "asyncio.Future[tuple[Survivor, ...]] | None":
        """End all that was started here, and close every file. Idempotent.

        Args:
            reason: Why.
            grace_s: See `TreeEnder.end`.

        Returns:
            What `TreeEnder.end` does; None: there is nothing to end.
        """
        self._is_over = True
        processes = tuple(self._processes.values())
        for process in processes:
            if grace_s > 0:
                # What it still says is nobody's, but must not fail because nobody reads it.
                process.note_end(reason)
                process.abandon_output()
                continue
            if process.is_running:
                process.end(reason, 0)
            process.close(reason)
        for tell in tuple(self.audience):
            tell()
        ended = None
        if self._blocks:
            # One order for all of them, also for what finished processes left behind.
            blocks = tuple(self._blocks)
            ended = self._offspring.ender.end(Tree(blocks), grace_s)
            ended.add_done_callback(functools.partial(self._give_back, blocks))
            ended.add_done_callback(self._record_survivors)
            ended.add_done_callback(functools.partial(_close_all, processes, reason))
        self._blocks.clear()
        self._processes.clear()
        self._handles.clear()
        self._finished.close()
        self.files.close_all()
        self.detach()
        return ended

    def _check_host(self, process_id: ProcessId) -> None:
        limit = max(1, self._config.limits.max_host_processes // self._config.service.workers)
        if self._counters.processes_running >= limit:
            raise limit_reached(
                f"cannot start process {process_id!r}: {limit} run already, of all sessions"
                " (max_host_processes)",
                "max_host_processes",
                limit,
            )

    def _check_handle(self, process_id: ProcessId, handle: int | None) -> None:
        if handle is None:
            return
        if self.peer is None or not self.peer.takes_binary:
            why = "this connection cannot carry binary frames"
        elif handle in self._handles:
            why = "another process of the session has that handle"
        else:
            return
        raise RpcFailure(
            ErrorCode.INVALID_PARAMS,
            ErrorReason.PARAMS_INVALID,
            f"cannot start process {process_id!r} with the handle {handle}: {why}",
            subject=process_id,
        )

    def _on_change(self, process: Process) -> None:
        if self._sender is not None and not process.is_awaited:
            self._sender.announce(process)
        process.regulate()

    def _announce_watch(self, watch: Watch) -> None:
        if self._sender is not None and self._watches.find(watch.process_id) is watch:
            self._sender.announce(watch)

    def _lose_watch(self, watch: Watch) -> None:
        # What is complete can still be read to its end.
        if watch.log.is_closed:
            return
        self._stop_watching(watch)
        if self.peer is not None:
            self.peer.send(encode_notice(DETACHED.name, OutputDetached(watch.process_id)))

    def _stop_watching(self, watch: Watch) -> None:
        self._watches.remove(watch.process_id)
        if self._sender is not None:
            self._sender.forget(watch)
        if watch.handle is not None:
            del self._handles[watch.handle]

    def _drop_handle(self, process: Process) -> None:
        if process.handle is not None:
            del self._handles[process.handle]
            process.handle = None

    def _spawn(self, process_id: ProcessId, request: SpawnRequest, serial: int) -> Child:
        names = {"session_id": self.session_id, "process_id": process_id}
        if self._caller is not None:
            self._audit.record_start(self._caller, request.argv, cwd=request.cwd, **names)
        try:
            return self._offspring.spawner.spawn(request, serial)
        except RpcFailure as failure:
            self._audit.record("process.refused", self._caller, reason=failure.reason, **names)
            raise

    def _on_exit(self, _process: Process) -> None:
        self._exited.set()

    def _on_end(self, process: Process) -> None:
        account, ended = process.account, process.exit
        how = {
            "process_id": process.process_id,
            "pid": process.pid,
            "exit_code": None if ended is None else ended.code,
            "signal": None if ended is None else ended.signal,
            "reason": process.end_reason,
            "duration_s": None if account.duration_s is None else round(account.duration_s, 6),
        }
        usage = {} if ended is None else msgspec.structs.asdict(ended.usage)
        self._log.info(
            "process.ended",
            **how,
            **usage,
            output_bytes=process.log.total_bytes,
            lost_bytes=account.lost_bytes,
            stdin_bytes=account.stdin_bytes,
            tty=account.tty,
            profile=account.profile,
        )
        self._audit.record("process.end", None, session_id=self.session_id, **how)

    def _on_survivors(self, process: Process, survivors: tuple[Survivor, ...]) -> None:
        self._audit.record(
            "processes.survived",
            None,
            session_id=self.session_id,
            process_id=process.process_id,
            survivors=survivors,
        )

    def _record_survivors(self, ended: "asyncio.Future[tuple[Survivor, ...]]") -> None:
        if ended.result():
            self._audit.record(
                "processes.survived", None, session_id=self.session_id, survivors=ended.result()
            )

    def _note_delivered(self, process: Pushed) -> None:
        if isinstance(process, Watch):
            self._stop_watching(process)
            return
        if process.process_id not in self._finished:
            self._finished.add(process.process_id)

    def _forget(self, process_id: ProcessId) -> None:
        process = self._processes.pop(process_id)
        self._drop_handle(process)
        process.forget()

    def _next_serial(self) -> int:
        serial = next(self._serials, None)
        if serial is None:
            block = self._offspring.marks.take_block()
            self._blocks.append(block)
            self._serials = iter(block)
            serial = next(self._serials)
        return serial

    def _give_back(
        self, blocks: tuple[range, ...], ended: "asyncio.Future[tuple[Survivor, ...]]"
    ) -> None:
        if not ended.result():
            for block in blocks:
                self._offspring.marks.give_block_back(block)


def _close_all(
    processes: Iterable[Process],
    reason: EndReason,
    _ended: "asyncio.Future[tuple[Survivor, ...]]",
) -> None:
    for process in processes:
        process.close(reason)


def process_exists(process_id: ProcessId, differing: Sequence[str] = ()) -> RpcFailure:
    """Return the failure of a start under an id that is taken.

    Args:
        process_id: The id.
        differing: The parameters that are not those of the process that has it.
    """
    why = f", started with other {', '.join(differing)}" if differing else ""
    return RpcFailure(
        ErrorCode.INVALID_REQUEST,
        ErrorReason.PROCESS_EXISTS,
        f"cannot start process {process_id!r}: the session has a process of this id{why}",
        subject=process_id,
        differing=differing,
    )
