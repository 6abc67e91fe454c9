"""The `process/*` methods."""

import asyncio
import signal
import time
from collections.abc import Coroutine
from typing import Any

from msgspec import UNSET, UnsetType

from telexec_schemas import methods
from telexec_schemas import process as wire
from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.identifiers import Seq
from telexec_schemas.message import NOTHING, Nothing
from telexec_schemas.process import EndReason
from telexec_service.config import Shutdown
from telexec_service.core.environment import EnvironmentRequest, HostEnvironment
from telexec_service.core.failure import RpcFailure
from telexec_service.core.origin import origin_of
from telexec_service.core.start_digest import differing, digest_of
from telexec_service.filesystem.paths import host_path
from telexec_service.processes.process import Process
from telexec_service.processes.spawner import SpawnRequest
from telexec_service.rpc.route import Route, Routes, collect
from telexec_service.sessions.session import Session, process_exists

MAX_WAIT_S = 3600.0
"""The longest that a read waits; a client that gets nothing by then asks again."""


class ProcessRoutes:
    """Serves processes.

    Args:
        environment: Builds the children's environments.
        shutdown: Gives the grace between TERM and KILL to starts that do not say one.
    """

    def __init__(self, environment: HostEnvironment, shutdown: Shutdown) -> None:
        self._environment = environment
        self._default_grace_s = shutdown.kill_grace_s
        self._is_draining = False

    def refuse_starts(self) -> None:
        """Start nothing any more: the service is about to end."""
        self._is_draining = True

    def routes(self) -> Routes:
        """Return the routes."""
        return collect(
            Route(methods.START, self._start),
            Route(methods.READ, _read, is_frequent=True),
            Route(methods.WRITE, _write, acts_before_waiting=True, is_frequent=True),
            Route(methods.SIGNAL, _signal),
            Route(methods.TERMINATE, _terminate, acts_before_waiting=True),
            Route(methods.CLOSE_STDIN, _close_stdin),
            Route(methods.RESIZE, _resize),
        )

    def _start(self, session: Session, params: wire.StartProcess) -> wire.Started:
        known = session.find(params.process_id) if session.is_extended else None
        if known is not None:
            return _started_before(known, params)
        if self._is_draining:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.SHUTTING_DOWN,
                "cannot start a process: the service is shutting down",
            )
        if not params.argv:
            raise RpcFailure(
                ErrorCode.INVALID_PARAMS,
                ErrorReason.ARGUMENTS_INVALID,
                "cannot start a process without a program: argv is empty",
            )
        _refuse_confinement(params)
        environment, summary = self._environment.build(
            EnvironmentRequest(
                overlay=params.env,
                unset=() if params.env_unset is UNSET else params.env_unset,
                policy=params.env_policy,
                profile=None if params.env_profile is UNSET else params.env_profile,
            )
        )
        size = wire.TerminalSize() if params.size is UNSET else params.size
        request = SpawnRequest(
            argv=params.argv,
            arg0=params.arg0,
            cwd=host_path(params.cwd),
            environment=environment,
            size=size if params.tty else None,
            pipe_stdin=params.pipe_stdin,
            limits=None if params.limits is UNSET else params.limits,
            merge_stderr=params.merge_stderr is True,
        )
        credit_bytes = None if params.credit_bytes is UNSET else params.credit_bytes
        process = session.start(
            params.process_id,
            request,
            origin=origin_of(params, summary, time.time()),
            credit_bytes=credit_bytes,
            handle=None if params.handle is UNSET else params.handle,
            overflow="pause" if params.overflow is UNSET else params.overflow,
        )
        grace_ms = params.kill_grace_ms
        grace_s = self._default_grace_s if grace_ms is UNSET else grace_ms / 1000
        if params.timeout_ms is not UNSET:
            process.end_after(params.timeout_ms / 1000, grace_s)
        if params.idle_timeout_ms is not UNSET:
            process.end_when_idle(params.idle_timeout_ms / 1000, grace_s)
        return wire.Started(params.process_id, pid=process.pid, env=summary)


def _started_before(process: Process, params: wire.StartProcess) -> wire.Started:
    """Answer a start that was sent again, as the first one was answered."""
    origin = process.origin
    if origin is None:
        raise process_exists(params.process_id)
    other = differing(origin.digest, digest_of(params))
    if other:
        raise process_exists(params.process_id, other)
    return wire.Started(
        params.process_id,
        pid=process.pid,
        env=origin.environment,
        handle=UNSET if process.handle is None else process.handle,
    )


def _refuse_confinement(params: wire.StartProcess) -> None:
    asked = {
        "sandbox": params.sandbox is not None,
        "enforceManagedNetwork": params.enforce_managed_network,
        "managedNetwork": params.managed_network is not None,
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise RpcFailure(
                ErrorCode.INVALID_PARAMS,
                ErrorReason.SANDBOX_UNAVAILABLE,
                f"cannot confine the process as `{name}` asks: this host has no sandbox,"
                " and nothing that should be confined is run without",
                subject=name,
            )


def _read(
    session: Session, params: wire.ReadOutput
) -> wire.OutputBatch | Coroutine[Any, Any, wire.OutputBatch]:
    process = session.get(params.process_id)
    if params.wait_ms and not _has_news(process, params):
        return _read_later(process, params, min(params.wait_ms / 1000, MAX_WAIT_S))
    return _batch(process, params)


async def _read_later(process: Process, params: wire.ReadOutput, wait_s: float) -> wire.OutputBatch:
    news = asyncio.Event()
    process.add_reader(news.set)
    try:
        async with asyncio.timeout(wait_s):
            while not _has_news(process, params):
                news.clear()
                await news.wait()
    except TimeoutError:
        # Nothing came in the time that the client gave: that is an answer too.
        return _batch(process, params)
    finally:
        process.remove_reader(news.set)
    return _batch(process, params)


def _has_news(process: Process, params: wire.ReadOutput) -> bool:
    return process.log.is_closed or process.log.next_seq > (params.after_seq or 0) + 1


def _batch(process: Process, params: wire.ReadOutput) -> wire.OutputBatch:
    log = process.log
    after_seq = Seq(params.after_seq or 0)
    batch = log.read(after_seq, params.max_bytes)
    lost: int | UnsetType = UNSET
    if params.part_bytes is not UNSET:
        batch = batch.part(after_seq, params.part_bytes, params.max_bytes)
    if params.after_bytes is not UNSET:
        lost = batch.lost_bytes(after_seq, params.after_bytes)
        if lost:
            process.account.add_gap(lost)
    end = log.exit
    return wire.OutputBatch(
        chunks=[wire.OutputChunk(piece.seq, piece.stream, piece.data) for piece in batch.pieces],
        next_seq=batch.next_seq,
        exited=end is not None,
        exit_code=None if end is None else end.exit_code,
        closed=log.is_closed,
        signal=UNSET if end is None or end.signal is None else end.signal,
        reason=UNSET if end is None else end.reason,
        usage=UNSET if end is None else end.usage,
        lost=lost,
    )


def _write(
    session: Session, params: wire.WriteInput
) -> wire.InputStatus | Coroutine[Any, Any, wire.InputStatus]:
    process = session.find(params.process_id)
    if process is None:
        return wire.InputStatus("unknownProcess")
    outcome = process.write(params.chunk, params.write_id)
    return wire.InputStatus(outcome) if isinstance(outcome, str) else _written(outcome)


async def _written(outcome: "asyncio.Future[wire.WriteStatus]") -> wire.InputStatus:
    # A request that is sent again waits for the same outcome: one that goes must not cancel it.
    return wire.InputStatus(await asyncio.shield(outcome))


def _close_stdin(session: Session, params: wire.CloseInput) -> Nothing:
    session.get(params.process_id).end_input()
    return NOTHING


def _signal(session: Session, params: wire.SignalProcess) -> Nothing:
    number = _signal_number(params.signal)
    process = session.find(params.process_id)
    if process is not None:
        session.record_signal(params.process_id, number.name)
        process.signal(number)
    return NOTHING


def _signal_number(name: str) -> signal.Signals:
    if name == "interrupt":
        return signal.SIGINT
    upper = name.upper()
    try:
        return signal.Signals[upper if upper.startswith("SIG") else f"SIG{upper}"]
    except KeyError as error:
        raise RpcFailure(
            ErrorCode.INVALID_PARAMS,
            ErrorReason.PARAMS_INVALID,
            f"cannot send {name!r}: it is neither `interrupt` nor a signal's name, as `SIGTERM`",
            subject=name,
        ) from error


def _terminate(
    session: Session, params: wire.TerminateProcess
) -> wire.Terminated | Coroutine[Any, Any, wire.Terminated]:
    process = session.find(params.process_id)
    if process is None:
        return wire.Terminated(running=False)
    if params.grace_ms is not UNSET:
        session.record_signal(
            params.process_id, (signal.SIGTERM if params.grace_ms else signal.SIGKILL).name
        )
        running = process.is_running
        return _terminated(running, process.end(EndReason.TERMINATED, params.grace_ms / 1000))
    if process.is_running:
        session.record_signal(params.process_id, signal.SIGKILL.name)
    return wire.Terminated(process.terminate())


async def _terminated(
    running: bool,  # noqa: FBT001 - handed on as it is
    ended: "asyncio.Future[tuple[wire.Survivor, ...]]",
) -> wire.Terminated:
    # Others may wait for the same end: a request that goes must not cancel it.
    return wire.Terminated(running=running, survivors=await asyncio.shield(ended))


def _resize(session: Session, params: wire.ResizeTerminal) -> Nothing:
    session.get(params.process_id).resize(params.size)
    return NOTHING
