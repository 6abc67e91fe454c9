"""The service as a whole: its parts put together, run, and taken apart."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from telexec_schemas.lifecycle import EXTENSION_VERSION, ExtensionGrant, Limits
from telexec_schemas.methods import METHOD_NAMES
from telexec_schemas.process import TREE_LIMITS, EndReason, ProcessLimits
from telexec_service import __version__
from telexec_service.config import Config
from telexec_service.core.admission import Gate
from telexec_service.core.counters import Counters
from telexec_service.core.environment import EnvironmentRequest, HostEnvironment
from telexec_service.core.failure import RpcFailure
from telexec_service.core.host_names import HostNames
from telexec_service.core.peer import Peer, Receiver
from telexec_service.filesystem.checkpoint import StopFlag
from telexec_service.filesystem.threads import file_threads
from telexec_service.front import Front
from telexec_service.host_information import read_host_information
from telexec_service.logs import Log
from telexec_service.observability.audit import AuditLog
from telexec_service.observability.loop_lag import LoopLag
from telexec_service.observability.pages import Pages
from telexec_service.observability.population import Population
from telexec_service.processes.canary import (
    CANARY_SERIAL,
    CanaryError,
    check_nothing_hidden_is_visible,
)
from telexec_service.processes.cgroup_parent import CgroupError
from telexec_service.processes.cgroups import CONTROLLERS, Cgroups
from telexec_service.processes.descriptors import Descriptors
from telexec_service.processes.family_record import FamilyRecord
from telexec_service.processes.guardian import Guardian
from telexec_service.processes.limits import Confinement
from telexec_service.processes.marks import Marks
from telexec_service.processes.offspring import Offspring
from telexec_service.processes.readiness import Readiness
from telexec_service.processes.reaper import Reaper
from telexec_service.processes.spawner import Spawner
from telexec_service.processes.spill_file import SpillDirectory
from telexec_service.processes.tree import WHOLE_HOST
from telexec_service.processes.tree_ender import TreeEnder
from telexec_service.processes.usage_meter import UsageMeter
from telexec_service.reloading import Reload
from telexec_service.rpc.connection import Connection
from telexec_service.rpc.environment_routes import EnvironmentRoutes
from telexec_service.rpc.filesystem_routes import FilesystemRoutes
from telexec_service.rpc.host import Host
from telexec_service.rpc.process_routes import ProcessRoutes
from telexec_service.rpc.session_routes import SessionRoutes
from telexec_service.sessions.entries import session_list
from telexec_service.sessions.table import SessionTable
from telexec_service.stopping import StopRequest
from telexec_service.transport.address import Address, TcpAddress
from telexec_service.transport.arrival import Arrival
from telexec_service.transport.certificate import Certificate, CertificateFiles, load_certificate
from telexec_service.transport.listener import Listener
from telexec_service.transport.relay import Doorway, Relays
from telexec_service.transport.token_file import load_or_create_tokens, load_tokens
from telexec_service.transport.websocket import WebSocketConnection

CLOSE_DEADLINE_S = 5.0
"""How long peers have to answer the end of their connections, and killed children to die."""

KILL_DEADLINE_S = 1.0
"""How long killed processes have to die before their clients are told that they are gone."""


class ServiceOptions(msgspec.Struct, frozen=True):
    """What the service is to do.

    `token_file` None: everybody may connect. `certificate_files` None: nothing is encrypted.
    `metrics_token_file` None: the metrics are for clients only, or for everybody if all may
    connect. `audit_log` None: nothing is recorded. `records` is a directory for what services
    tell those after them.
    """

    address: Address
    token_file: str | None
    certificate_files: CertificateFiles | None
    metrics_token_file: str | None
    audit_log: str | None
    records: str
    config: Config


async def serve(  # noqa: PLR0915 - the one place where everything is put together
    options: ServiceOptions, own_environment: Mapping[str, str], output: Log, front: Front
) -> None:
    """Serve until the end is asked for; when it returns, no child, task or descriptor is left.

    Args:
        options: What to serve.
        own_environment: The service's own, as it was started with.
        output: Where the service tells what happens; it is the caller's to close.
        front: Who runs this process, and how clients come to it; it is closed in the end.

    Raises:
        AuditError: The audit log cannot be opened.
        SpillError: Output cannot be kept where the configuration says.
        CanaryError: A process would see what the host hides.
        CgroupError: Processes cannot have the cgroups or limits that the configuration says.
        ListenError: The address cannot be listened on.
        TokenFileError: The token file cannot be used.
        CertificateFileError: The certificate or its key cannot be used.
    """
    config, log = options.config, output.events
    started_s = time.monotonic()
    gate = Gate(_tokens(options), _host_names(options), _metrics_tokens(options))
    certificate = _certificate(options)
    descriptors = Descriptors()
    descriptors.raise_limit()
    offspring = _offspring(options, descriptors, log)
    environment = HostEnvironment(own_environment, config.env)
    process_routes = ProcessRoutes(environment, config.shutdown)
    information = read_host_information(__version__)
    stop = front.stop
    file_stop = StopFlag()
    numbers = itertools.count(1)
    lag = LoopLag()
    with file_threads(config.files.threads) as threads:
        routes = {
            **EnvironmentRoutes(information, environment).routes(),
            **process_routes.routes(),
            **FilesystemRoutes(threads, config.files, file_stop.check).routes(),
        }
        counters = Counters(METHOD_NAMES)
        audit = AuditLog(options.audit_log, config.audit, counters, log)
        sessions = SessionTable(
            config,
            offspring=offspring,
            log=log,
            audit=audit,
            counters=counters,
            spills=_spills(config, counters, log),
            tally=front.tally,
            slot=front.slot,
        )
        routes |= SessionRoutes(sessions, front.ask_others).routes()
        async with asyncio.TaskGroup() as tasks:
            host = Host(
                config=config,
                sessions=sessions,
                routes=routes,
                environment_info=information,
                extensions=_extensions(config, environment, offspring.spawner),
                tasks=tasks,
                counters=counters,
            )

            def accept(peer: Peer) -> Connection:
                number = next(numbers)
                return Connection(peer, host, number, log.bind(connection=number))

            def welcome(
                carrier: WebSocketConnection, arrival: Arrival, doorway: Doorway | None
            ) -> Receiver:
                bound_log = log.bind(connection=arrival.number)
                connection = Connection(carrier, host, arrival.number, bound_log)
                return front.welcome(connection, carrier, arrival, doorway)

            def count() -> Population:
                return Population(
                    is_ready=listener.is_ready,
                    uptime_s=time.monotonic() - started_s,
                    connections=listener.connection_count,
                    sessions_attached=sessions.attached_count,
                    sessions_detached=sessions.detached_count,
                    processes_running=counters.processes_running,
                    log_lines_dropped=output.lines.dropped,
                    loop_lag_s=lag.last_s,
                )

            pages = Pages(counters, count, tasks, front.add_up)
            relays = Relays(tasks)
            listener = Listener(
                config,
                gate,
                certificate,
                descriptors=descriptors,
                pages=pages,
                counters=counters,
                audit=audit,
                log=log,
                accept=accept,
                welcome=welcome,
                tally=front.tally,
                relays=relays,
                on_peer_gone=stop.hurry,
            )
            reload = Reload(
                options.token_file,
                options.certificate_files,
                options.metrics_token_file,
                audit=audit,
                gate=gate,
                listener=listener,
                fingerprint=None if certificate is None else certificate.fingerprint,
                log=log,
            )
            around = tasks.create_task(front.run(), name="front")
            try:
                _send_canaries(offspring, environment)
                # Before anybody can start anything that would need it.
                offspring.guardian.start()
                await front.open(
                    listener, reload.reload, pages.numbers, lambda: session_list(sessions)
                )
                reload.warn_of_exposed_files()
                await stop.wait()
                front.stopping(config.shutdown.drain_s, longest_end_s(config))
                listener.refuse()
                process_routes.refuse_starts()
                await _drain(sessions, offspring.ender, config, stop)
            finally:
                file_stop.set()
                sessions.close(EndReason.SHUTDOWN)
                ended = offspring.ender.end(WHOLE_HOST, 0)
                await _close(listener, offspring)
                await _end_relays(relays, config, stop)
                await offspring.close(is_gone=ended.done() and not ended.result())
                lag.close()
                audit.close()
                front.close()
                around.cancel()


def _tokens(options: ServiceOptions) -> Sequence[str] | None:
    return None if options.token_file is None else load_or_create_tokens(options.token_file)


def _metrics_tokens(options: ServiceOptions) -> Sequence[str]:
    file = options.metrics_token_file
    return () if file is None else load_tokens(file)


def _certificate(options: ServiceOptions) -> Certificate | None:
    files = options.certificate_files
    return None if files is None else load_certificate(files)


def _host_names(options: ServiceOptions) -> HostNames:
    address = options.address
    # No name leads to a Unix socket, and so none is wrong there.
    listed = options.config.service.allowed_hosts if isinstance(address, TcpAddress) else ()
    is_loopback = isinstance(address, TcpAddress) and address.is_loopback
    return HostNames(listed, is_loopback=is_loopback)


def _offspring(options: ServiceOptions, descriptors: Descriptors, log: Any) -> Offspring:
    config, marks = options.config, Marks()
    if not marks.are_kept:
        log.warning("marks.unavailable")
    names = ProcessLimits.__struct_fields__
    limits = ProcessLimits(**{name: getattr(config.processes, name) for name in names})
    cgroups = _cgroups(config, limits, marks, log)
    confinement = Confinement(limits, config.processes.oom_score_adj)
    spawner = Spawner(marks, confinement, descriptors, cgroups)
    reaper = Reaper(adopts_orphans=True)
    guardian = Guardian(marks, reaper, log, None if cgroups is None else cgroups.directory)
    readiness = Readiness()
    ender = TreeEnder(
        marks,
        lambda: guardian.pids,
        lambda: reaper.starts,
        readiness.look,
        log,
        cgroups=cgroups,
    )
    # In cgroups nothing is left behind that needs to be known by its mark.
    record = FamilyRecord(options.records, marks, log) if cgroups is None else None
    return Offspring(
        marks, spawner, reaper, ender, guardian, UsageMeter(), readiness, cgroups, record
    )


def _cgroups(config: Config, limits: ProcessLimits, marks: Marks, log: Any) -> Cgroups | None:
    parent = config.cgroups.parent
    cgroups = None if parent is None else Cgroups(parent, marks.family, log)
    offered = () if cgroups is None else cgroups.limits
    for name, controller in CONTROLLERS.items():
        if getattr(limits, name) is not None and name not in offered:
            if cgroups is not None:
                cgroups.discard()
            raise CgroupError(
                f"cannot limit trees by {name}: that needs [cgroups] parent, and the controller"
                f" {controller} in its cgroup.controllers"
            )
    return cgroups


def _spills(config: Config, counters: Counters, log: Any) -> SpillDirectory | None:
    if config.spill.directory is None:
        return None
    host_bytes = max(1, config.spill.host_bytes // config.service.workers)
    rules = msgspec.structs.replace(config.spill, host_bytes=host_bytes)
    return SpillDirectory(rules, counters, log)


def _send_canaries(offspring: Offspring, environment: HostEnvironment) -> None:
    for profile in environment.profiles:
        try:
            built, _ = environment.build(EnvironmentRequest({}, profile=profile))
        except RpcFailure as error:
            raise CanaryError(f"cannot serve under the profile {profile!r}: {error}") from error
        check_nothing_hidden_is_visible(offspring.spawner, built, environment.hidden, profile)
        if offspring.cgroups is not None:
            offspring.cgroups.release(CANARY_SERIAL)


def longest_end_s(config: Config) -> float:
    """Return how long the end takes at most."""
    shutdown = config.shutdown
    return shutdown.drain_s + shutdown.kill_grace_s + KILL_DEADLINE_S + CLOSE_DEADLINE_S


async def _drain(
    sessions: SessionTable, ender: TreeEnder, config: Config, stop: StopRequest
) -> None:
    """Give running processes time to end, then TERM, then no more time.

    What ended processes left behind has no time to end by itself: nobody knows when it would.
    """
    await _wait(sessions.wait_until_none_runs(), config.shutdown.drain_s, stop)
    for process in sessions.running_processes:
        process.note_end(EndReason.SHUTDOWN)
    ender.end(WHOLE_HOST, config.shutdown.kill_grace_s)
    await _wait(_until_all_is_told(sessions, ender), config.shutdown.kill_grace_s, stop)
    # However urgent it is, who waits for a process learns how it ended: that takes no time.
    ender.end(WHOLE_HOST, 0.0)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(KILL_DEADLINE_S):
            await _until_all_is_told(sessions, ender)


async def _until_all_is_told(sessions: SessionTable, ender: TreeEnder) -> None:
    await ender.wait_until_empty()
    await sessions.wait_until_none_runs()


async def _wait(end: Coroutine[Any, Any, None], timeout_s: float, stop: StopRequest) -> None:
    """Wait for an end, until the time or the patience is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            async with asyncio.TaskGroup() as waits:
                ended = waits.create_task(end, name="processes end")
                urgent = waits.create_task(stop.is_urgent.wait(), name="second signal")
                await asyncio.wait((ended, urgent), return_when=asyncio.FIRST_COMPLETED)
                ended.cancel()
                urgent.cancel()


async def _close(listener: Listener, offspring: Offspring) -> None:
    try:
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            await listener.close()
            await offspring.ender.wait_until_empty()
            await offspring.reaper.wait_until_empty()
    except TimeoutError:
        listener.abort()


async def _end_relays(relays: Relays, config: Config, stop: StopRequest) -> None:
    """Wait until the workers that have the sessions of relayed connections have ended them."""
    await _wait(relays.wait_until_none(), longest_end_s(config), stop)
    relays.abort()


def _extensions(config: Config, environment: HostEnvironment, spawner: Spawner) -> ExtensionGrant:
    return ExtensionGrant(
        version=EXTENSION_VERSION,
        server=__version__,
        limits=Limits(
            lease_ms=int(config.sessions.lease_s * 1000),
            max_frame_bytes=config.limits.max_frame_bytes,
            retained_bytes=config.limits.retained_bytes,
            max_processes=config.limits.max_processes,
            max_host_processes=config.limits.max_host_processes,
            max_requests_in_flight=config.limits.max_requests_in_flight,
            max_file_bytes=config.files.max_file_bytes,
            max_open_files=config.files.max_open_files,
            stdin_backlog_bytes=config.limits.stdin_backlog_bytes,
            kill_grace_ms=int(config.shutdown.kill_grace_s * 1000),
        ),
        close_stdin=True,
        signals=True,
        resize=True,
        env_unset=True,
        timeouts=True,
        grace=True,
        process_limits=spawner.can_limit,
        tree_limits=[TREE_LIMITS[name] for name in spawner.tree_limits],
        flow=True,
        overflow=True,
        merge_stderr=True,
        lost=True,
        env_profiles=environment.profiles,
        idempotent_start=True,
        on_disconnect=True,
        attach=True,
        sessions=True,
        parts=True,
    )
