"""What a worker runs: the supervisor starts it with one end of their channel as descriptor 3."""

import asyncio
import ctypes
import mmap
import os
import signal
import socket
import sys
from collections.abc import Mapping

import msgspec
import uvloop

from telexec_service.app import serve
from telexec_service.config import Config
from telexec_service.filesystem.threads import await_file_threads, leave_file_threads
from telexec_service.logs import Log, open_log
from telexec_service.own_environment import shut_memory, take_own_environment
from telexec_service.plain_errors import PLAIN_ERRORS, unwrapped
from telexec_service.processes.orphans import adopt_orphans
from telexec_service.settings import service_options
from telexec_service.workers.channel import receive
from telexec_service.workers.messages import Failed, Message, Serve
from telexec_service.workers.worker import Worker

CHANNEL = 3
"""The descriptor."""

EXIT_FAILURE = 1

NAME = "telexec-worker"
"""What `ps` and `top` show."""

_PR_SET_PDEATHSIG = 1
_SUPERVISORS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What everybody in a group or a unit may get, and the supervisor passes on in its own way."""


def main() -> None:
    """Serve until the supervisor says otherwise, and exit with 0, or 1 if it cannot be done.

    The argument of the program: the supervisor's pid.
    """
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write(NAME)
    for number in _SUPERVISORS:
        signal.signal(number, signal.SIG_IGN)
    _end_with(int(sys.argv[1]))
    environment = take_own_environment()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    adopt_orphans()
    endpoint = socket.socket(fileno=CHANNEL)
    order, memory = _first_order(endpoint)
    if not order.config.service.debuggable:
        shut_memory()
    log = open_log(order.config.service.log_level, worker=order.slot)
    try:
        with asyncio.Runner(
            loop_factory=uvloop.new_event_loop if order.uvloop else asyncio.new_event_loop
        ) as runner:
            runner.run(_serve(order, endpoint, memory, environment, log))
        await_file_threads(log.events)
    except PLAIN_ERRORS as error:
        _say(endpoint, Failed(str(error)))
        sys.exit(EXIT_FAILURE)
    finally:
        log.close()
    leave_file_threads()


def _end_with(supervisor: int) -> None:
    """Have the kernel kill this process when the supervisor is gone: nobody can command it then."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot be told of the supervisor's end")
    if os.getppid() != supervisor:
        sys.exit(EXIT_FAILURE)


def _first_order(endpoint: socket.socket) -> tuple[Serve, memoryview]:
    data, descriptor = receive(endpoint)
    if not data or descriptor is None:
        sys.exit(EXIT_FAILURE)
    order = msgspec.json.decode(data, type=Serve)
    try:
        return order, memoryview(mmap.mmap(descriptor, 0))
    finally:
        os.close(descriptor)


async def _serve(
    order: Serve,
    endpoint: socket.socket,
    memory: memoryview,
    environment: Mapping[str, str],
    log: Log,
) -> None:
    log.lines.open()
    try:
        with unwrapped():
            options = service_options(_own_share(order.config))
            worker = Worker(order, endpoint.dup(), memory, log.events)
            await serve(options, environment, log, worker)
    finally:
        log.lines.detach()


def _own_share(config: Config) -> Config:
    """Return the configuration with this worker's part of what all of them together may have."""
    workers = config.service.workers
    files = msgspec.structs.replace(config.files, threads=-(-config.files.threads // workers))
    return msgspec.structs.replace(config, files=files)


def _say(endpoint: socket.socket, message: Message) -> None:
    endpoint.setblocking(True)  # noqa: FBT003 - the standard library's signature
    endpoint.send(msgspec.json.encode(message))
