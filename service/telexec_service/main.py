"""The `telexec-service` command, once all that it needs is there."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import uvloop

from telexec_service.alone import Alone
from telexec_service.app import ServiceOptions, serve
from telexec_service.command_line import parse_arguments
from telexec_service.config import Config
from telexec_service.filesystem.threads import await_file_threads, leave_file_threads
from telexec_service.logs import Log, open_log
from telexec_service.own_environment import shut_memory, take_own_environment
from telexec_service.plain_errors import PLAIN_ERRORS, unwrapped
from telexec_service.processes.cgroup_parent import settle
from telexec_service.processes.orphans import adopt_orphans
from telexec_service.settings import read_config, service_options
from telexec_service.transport.address import parse_address

EXIT_FAILURE = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 after a graceful end, 1 if it cannot do what it was told."""
    _open_standard_files()
    flags = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    try:
        if flags.command == "config":
            return _run_config(flags)
        if flags.command == "ready":
            return _run_ready(flags)
        return _run_service(flags)
    except PLAIN_ERRORS as error:
        return _fail(error)


def _run_service(flags: Any) -> int:
    environment = take_own_environment()
    config = read_config(flags, environment)
    if not config.service.debuggable:
        shut_memory()
    service = service_options(config)
    log = open_log(config.service.log_level)
    _prepare_process()
    try:
        config = _with_cgroup(config)
        if config.service.workers > 1:
            work = _supervise(config, environment, log, uses_uvloop=not flags.no_uvloop)
        else:
            work = _serve(msgspec.structs.replace(service, config=config), environment, log)
        with asyncio.Runner(
            loop_factory=asyncio.new_event_loop if flags.no_uvloop else uvloop.new_event_loop
        ) as runner:
            runner.run(work)
        await_file_threads(log.events)
    finally:
        log.close()
    leave_file_threads()
    return 0


def _with_cgroup(config: Config) -> Config:
    """Return the configuration with the cgroup that `auto` means, before there are workers."""
    cgroups = msgspec.structs.replace(config.cgroups, parent=settle(config.cgroups.parent))
    return msgspec.structs.replace(config, cgroups=cgroups)


def _run_config(flags: Any) -> int:
    # Imported here: serving needs none of it.
    from telexec_service.config_command import (  # noqa: PLC0415
        config_template,
        shown_config,
    )

    if flags.verb == "init":
        sys.stdout.write(config_template())
        return 0
    config = read_config(flags, os.environ)
    if flags.verb == "check":
        service_options(config)
        sys.stdout.write("the configuration is in order\n")
    else:
        sys.stdout.write(shown_config(config))
    return 0


def _run_ready(flags: Any) -> int:
    from telexec_service.ready_command import NotReadyError, check_ready  # noqa: PLC0415

    try:
        check_ready(parse_address(read_config(flags, os.environ).service.listen))
    except NotReadyError as error:
        return _fail(error)
    return 0


def _fail(error: Exception) -> int:
    sys.stderr.write(f"telexec-service: {error}\n")
    return EXIT_FAILURE


async def _serve(service: ServiceOptions, environment: dict[str, str], log: Log) -> None:
    log.lines.open()
    try:
        with unwrapped():
            front = Alone(service.address, environment, log.events)
            await serve(service, environment, log, front)
        log.events.info("service.stopped")
    finally:
        log.lines.detach()


async def _supervise(
    config: Config, environment: dict[str, str], log: Log, *, uses_uvloop: bool
) -> None:
    # Imported here: one process alone needs none of it.
    from telexec_service.workers.supervisor import supervise  # noqa: PLC0415

    log.lines.open()
    try:
        with unwrapped():
            await supervise(config, environment, log, uvloop=uses_uvloop)
        log.events.info("service.stopped")
    finally:
        log.lines.detach()


def _prepare_process() -> None:
    """Undo what the starter of the service left behind that its children would suffer of."""
    # An ignored SIGCHLD would make the kernel reap our children before we do (wait(2)).
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    adopt_orphans()


def _open_standard_files() -> None:
    """Open what the starter closed: a child's end of a pipe must never get one of these numbers."""
    for standard in (0, 1, 2):
        try:
            os.fstat(standard)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Python found nothing to write to; the descriptor stays open, as without this.
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
