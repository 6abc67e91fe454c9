"""All workers of a service: started, started anew, and ended."""

import asyncio
import mmap
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from telexec_service.config import Config
from telexec_service.core.restarts import Restarts
from telexec_service.core.tally import Tally, tally_bytes
from telexec_service.observability.numbers import Numbers
from telexec_service.plain_errors import WorkerFailedError
from telexec_service.processes.reaper import Reaper
from telexec_service.workers.messages import Message, Order, Ready, Serve
from telexec_service.workers.worker_process import WorkerProcess

ORPHANS_TIMEOUT_S = 2.0
"""How long what a killed worker left behind has to be gone before the supervisor is."""

_LOOK_S = 0.02


class Crew:
    """Keeps as many workers running as the configuration says, from `start` to `end`.

    Args:
        config: What they serve.
        environment: The service's own, as it was started with.
        uvloop: Whether they run on it.
        take: Called with each message of one, and the descriptor that came with it.
        on_change: Called when one became ready, or ended.
        log: A structlog logger.

    Attributes:
        restarts: How often one ended by itself.
        past: What those that have ended have counted; None: nothing yet.
    """

    def __init__(
        self,
        config: Config,
        environment: Mapping[str, str],
        *,
        uvloop: bool,
        take: Callable[[WorkerProcess, Message, int | None], None],
        on_change: Callable[[], None],
        log: Any,
    ) -> None:
        self.restarts = 0
        self.past: Numbers | None = None
        self._loop = asyncio.get_running_loop()
        self._environment = environment
        self._take_message = take
        self._on_change = on_change
        self._log = log
        self._reaper = Reaper(adopts_orphans=True)
        slots = range(config.service.workers)
        self._orders = [Serve(config, slot, uvloop) for slot in slots]
        self._shared = os.memfd_create("telexec-tally")
        os.ftruncate(self._shared, tally_bytes(len(slots)))
        self._memory = mmap.mmap(self._shared, 0)
        self._tallies = [Tally(memoryview(self._memory), slot) for slot in slots]
        self._delays = [Restarts() for _ in slots]
        self._workers: dict[int, WorkerProcess] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._is_started = False
        self._is_ending = False
        self._ended_early: WorkerProcess | None = None
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Start all of them and return when all are ready.

        Raises:
            WorkerFailedError: One of them cannot serve.
        """
        for order in self._orders:
            try:
                self._spawn(order)
            except OSError as error:
                raise WorkerFailedError(f"cannot start a worker: {error.strerror}") from error
            except UnicodeEncodeError as error:
                why = "a path in its configuration is not UTF-8; use --workers 1"
                raise WorkerFailedError(f"cannot start a worker: {why}") from error
        while not all(worker.is_ready for worker in self._workers.values()):
            await self._wait_for_change()
            if self._ended_early is not None:
                raise WorkerFailedError(
                    self._ended_early.failure
                    or f"cannot start a worker: it ended with {self._ended_early.exit_code}"
                )
        self._is_started = True

    @property
    def ready(self) -> Iterator[WorkerProcess]:
        """Those that serve."""
        return (worker for worker in self._workers.values() if worker.is_ready)

    def at(self, slot: int) -> WorkerProcess | None:
        """Return the worker in a slot, if it serves."""
        worker = self._workers.get(slot)
        return worker if worker is not None and worker.is_ready else None

    def least_busy(self) -> WorkerProcess | None:
        """Return the worker that has the fewest connections; of equals, the one idle for longest.

        None: at the moment none takes any.
        """
        return min(
            (worker for worker in self._workers.values() if worker.takes_connections),
            key=lambda it: (self._tallies[it.slot].own_connections, it.given),
            default=None,
        )

    def tell(self, order: Order) -> None:
        """Say something to all, also those that are not ready yet."""
        for worker in tuple(self._workers.values()):
            worker.tell(order)

    def begin_end(self) -> None:
        """Let those that end be: from now on that is what they are to do."""
        self._is_ending = True
        for timer in self._timers.values():
            timer.cancel()

    async def wait_until_ended(self) -> None:
        """Return once none is left."""
        while self._workers:
            await self._wait_for_change()

    def kill(self) -> None:
        """End those that are left at once."""
        for worker in self._workers.values():
            self._log.error("worker.killed", worker=worker.slot)
            worker.kill()

    async def close(self) -> None:
        """Wait a little for orphans of killed workers, and give everything back."""
        self._reaper.close()
        give_up_at = self._loop.time() + ORPHANS_TIMEOUT_S
        # Nothing else tells of children that are not ours: they came here from workers.
        while _has_children() and self._loop.time() < give_up_at:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        os.close(self._shared)

    def _spawn(self, order: Serve) -> None:
        self._timers.pop(order.slot, None)
        self._workers[order.slot] = WorkerProcess(
            order,
            self._environment,
            self._shared,
            reaper=self._reaper,
            on_message=self._take,
            on_end=self._note_end,
        )

    def _respawn(self, order: Serve) -> None:
        try:
            self._spawn(order)
        except OSError as error:
            self._log.error("worker.failed", worker=order.slot, why=error.strerror)
            self._respawn_later(order.slot, 0.0)

    def _respawn_later(self, slot: int, ran_s: float) -> None:
        delay_s = self._delays[slot].delay_s(ran_s)
        self._timers[slot] = self._loop.call_later(delay_s, self._respawn, self._orders[slot])

    def _take(self, worker: WorkerProcess, message: Message, descriptor: int | None) -> None:
        self._take_message(worker, message, descriptor)
        if isinstance(message, Ready):
            self._note_change()

    def _note_end(self, worker: WorkerProcess) -> None:
        del self._workers[worker.slot]
        tally = self._tallies[worker.slot]
        tally.note_connections(0)
        tally.note_sessions(0)
        if worker.numbers is not None:
            past = worker.numbers.past()
            self.past = past if self.past is None else self.past.plus(past)
        if not self._is_ending:
            self._log.error(
                "worker.failed", worker=worker.slot, pid=worker.pid, why=_reason(worker)
            )
        if not self._is_started:
            self._ended_early = worker
        elif not self._is_ending:
            self.restarts += 1
            self._respawn_later(worker.slot, worker.ran_s)
        self._note_change()

    def _note_change(self) -> None:
        self._changed.set()
        self._on_change()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _has_children() -> bool:
    """Whether this process has any after those that have ended were waited for."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _reason(worker: WorkerProcess) -> str:
    if worker.failure is not None:
        return worker.failure
    code = worker.exit_code or 0
    return f"it was killed by signal {-code}" if code < 0 else f"it ended with {code}"
