"""The supervisor: it has the address and accepts; its workers serve what it gives to them."""

import asyncio
import contextlib
import errno
import itertools
import os
from collections.abc import Coroutine, Mapping
from typing import Any

from telexec_service import __version__
from telexec_service.alone import HangupSignal
from telexec_service.app import longest_end_s
from telexec_service.config import Config
from telexec_service.logs import Log
from telexec_service.observability.numbers import Numbers
from telexec_service.observability.own_process import read_own_process
from telexec_service.observability.population import Population
from telexec_service.settings import service_options
from telexec_service.stopping import StopSignals
from telexec_service.systemd import Systemd
from telexec_service.transport.address import (
    Address,
    ListenError,
    StdioAddress,
    TcpAddress,
    UnixAddress,
)
from telexec_service.transport.binding import BACKLOG, Bound, bind
from telexec_service.transport.listener import announce
from telexec_service.transport.token_file import load_or_create_tokens
from telexec_service.workers.adding import Adding
from telexec_service.workers.crew import Crew
from telexec_service.workers.messages import (
    AddUp,
    Arrived,
    AskOthers,
    Counted,
    Message,
    PassOn,
    Reload,
    Reloaded,
    SaidList,
    Stop,
)
from telexec_service.workers.questions import Questions
from telexec_service.workers.worker_process import WorkerProcess

RELOAD_TIMEOUT_S = 10.0
"""How long workers have to read files again before systemd is told that they have."""

STOP_MARGIN_S = 5.0
"""How much longer than their end may take workers have before they are killed."""

_RETRY_S = 0.05
_IN_A_ROW = 64
_OUT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


async def supervise(
    config: Config, environment: Mapping[str, str], output: Log, *, uvloop: bool
) -> None:
    """Serve with several workers until SIGTERM or SIGINT; when it returns, none of them is left.

    Args:
        config: What to serve.
        environment: The service's own, as it was started with.
        output: Where the supervisor tells what happens; it is the caller's to close.
        uvloop: Whether the workers are to run on it.

    Raises:
        ListenError: The address cannot be listened on, or not by several.
        TokenFileError: The token file cannot be made or used.
        WorkerFailedError: A worker cannot serve.
    """
    options = service_options(config)
    if options.token_file is not None:
        # The first of the workers would make it, and the others might not find it yet.
        load_or_create_tokens(options.token_file)
    bound = bind(_shared(options.address))
    try:
        async with asyncio.TaskGroup() as tasks:
            supervisor = _Supervisor(config, environment, output, bound, uvloop=uvloop)
            notifications = tasks.create_task(supervisor.notify(), name="systemd notifications")
            try:
                await supervisor.run()
            finally:
                await supervisor.end()
                notifications.cancel()
    finally:
        bound.close()


class _Supervisor:
    def __init__(
        self,
        config: Config,
        environment: Mapping[str, str],
        output: Log,
        bound: Bound,
        *,
        uvloop: bool,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._config = config
        self._lines = output.lines
        self._log: Any = output.events
        self._bound = bound
        self._started_s = self._loop.time()
        self._stop = StopSignals()
        self._systemd = Systemd(environment, self._log, self._is_well)
        self._hangup = HangupSignal(self._reload)
        self._crew = Crew(
            config,
            environment,
            uvloop=uvloop,
            take=self._take,
            on_change=self._look,
            log=self._log,
        )
        self._adding = Adding(self._crew, self._own_numbers)
        self._questions = Questions(self._crew)
        self._numbers = itertools.count(1)
        self._turns = itertools.count(1)
        self._is_listening = False
        self._retry: asyncio.TimerHandle | None = None
        self._reloading: set[int] = set()
        self._reload_timer: asyncio.TimerHandle | None = None

    async def notify(self) -> None:
        await self._systemd.run()

    async def run(self) -> None:
        await _first(self._crew.start(), self._stop.wait())
        if self._stop.is_wanted:
            return
        self._bound.endpoint.listen(BACKLOG)
        self._is_listening = True
        self._accept_more()
        self._log.info(
            "service.started",
            version=__version__,
            url=self._bound.url,
            pid=os.getpid(),
            workers=self._config.service.workers,
        )
        announce(self._bound.url)
        self._systemd.ready(self._bound.url)
        await self._stop.wait()
        self._log.info("service.draining")
        self._systemd.stopping(self._config.shutdown.drain_s, longest_end_s(self._config))

    async def end(self) -> None:
        """Have all workers end, and see to it."""
        self._crew.begin_end()
        self._crew.tell(Stop())
        deadline_s = longest_end_s(self._config) + STOP_MARGIN_S
        await _first(
            self._crew.wait_until_ended(), self._stop.is_urgent.wait(), timeout_s=deadline_s
        )
        self._crew.tell(Stop())
        await _first(self._crew.wait_until_ended(), timeout_s=deadline_s)
        self._crew.kill()
        await self._crew.wait_until_ended()
        self._accept_no_more()
        for timer in (self._retry, self._reload_timer):
            if timer is not None:
                timer.cancel()
        self._adding.close()
        await self._crew.close()
        self._hangup.close()
        self._stop.close()

    # Connections.

    def _accept_more(self) -> None:
        self._retry = None
        if self._is_listening:
            self._loop.add_reader(self._bound.endpoint.fileno(), self._accept)

    def _accept_no_more(self) -> None:
        self._loop.remove_reader(self._bound.endpoint.fileno())

    def _accept(self) -> None:
        for _ in range(_IN_A_ROW):
            worker = self._crew.least_busy()
            if worker is None:
                self._accept_later()
                return
            try:
                endpoint, _address = self._bound.endpoint.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _OUT_OF:
                    raise
                self._accept_later()
                return
            self._give(worker, Arrived(next(self._numbers)), endpoint.detach())

    def _accept_later(self) -> None:
        """Leave connections to the kernel for a moment: nobody could take one."""
        self._accept_no_more()
        if self._retry is None:
            self._retry = self._loop.call_later(_RETRY_S, self._accept_more)

    def _give(self, worker: WorkerProcess, arrived: Arrived, descriptor: int) -> None:
        worker.given = next(self._turns)
        worker.tell(arrived, descriptor)

    def _pass_on(self, wanted: PassOn, descriptor: int) -> None:
        # Where its worker is gone, any other can say that the session is.
        worker = self._crew.at(wanted.slot) or self._crew.least_busy()
        if worker is None:
            os.close(descriptor)
            return
        arrived = Arrived(wanted.number, wanted.client, wanted.answered)
        self._give(worker, arrived, descriptor)

    # What workers say.

    def _take(self, worker: WorkerProcess, message: Message, descriptor: int | None) -> None:
        match message:
            case PassOn() if descriptor is not None:
                self._pass_on(message, descriptor)
            case AddUp():
                self._adding.ask(worker)
            case AskOthers():
                self._questions.ask(worker, message)
            case SaidList():
                self._questions.take(worker, message, descriptor)
            case Counted():
                self._adding.take(worker, message)
            case Reloaded():
                self._reloading.discard(worker.slot)
                self._look_at_reload()
            case _:
                pass

    def _look(self) -> None:
        self._adding.look()
        self._look_at_reload()

    def _own_numbers(self) -> Numbers:
        return Numbers(
            {},
            Population(
                is_ready=not self._stop.is_wanted,
                uptime_s=self._loop.time() - self._started_s,
                connections=0,
                sessions_attached=0,
                sessions_detached=0,
                processes_running=0,
                log_lines_dropped=self._lines.dropped,
                loop_lag_s=0.0,
                worker_restarts=self._crew.restarts,
            ),
            read_own_process(),
        )

    # What systemd hears and says.

    def _is_well(self) -> bool:
        """Whether all workers have answered since this was asked last; ask them again."""
        is_well = not any(worker.is_silent for worker in self._crew.ready)
        self._adding.count()
        return is_well

    def _reload(self) -> None:
        self._systemd.reloading()
        self._reloading = {worker.slot for worker in self._crew.ready}
        self._crew.tell(Reload())
        if self._reload_timer is not None:
            self._reload_timer.cancel()
        self._reload_timer = self._loop.call_later(RELOAD_TIMEOUT_S, self._finish_reload)
        self._look_at_reload()

    def _look_at_reload(self) -> None:
        if self._reload_timer is None:
            return
        if not any(worker.slot in self._reloading for worker in self._crew.ready):
            self._finish_reload()

    def _finish_reload(self) -> None:
        if self._reload_timer is not None:
            self._reload_timer.cancel()
            self._reload_timer = None
        self._systemd.reloaded()


def _shared(address: Address) -> TcpAddress | UnixAddress:
    if isinstance(address, StdioAddress):
        raise ListenError("cannot share stdin and stdout among workers: use --workers 1")
    return address


async def _first(*waits: Coroutine[Any, Any, Any], timeout_s: float | None = None) -> None:
    """Return when the first of them does, or the time is over; an error of one is raised."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(wait, name="first of several") for wait in waits]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
