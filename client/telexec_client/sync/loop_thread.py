"""An event loop in a thread of its own, and waiting for what happens there."""

import asyncio
import os
import threading
import warnings
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from telexec_client.core.opening import Opening
from telexec_client.errors import ClientClosedError, ClientForkedError
from telexec_client.sync.job import Job

Result = TypeVar("Result")


class LoopThread:
    """Runs calls on an event loop of its own, in any number of threads at once.

    The thread ends with `close`, and when nobody knows this object any more.
    """

    def __init__(self) -> None:
        started: Future[_Inside] = Future()
        self._ended: Future[None] = Future()
        # A daemon: a program that forgot to close its client must be able to end.
        self._thread = threading.Thread(
            target=_run, args=(started, self._ended), name="telexec client", daemon=True
        )
        self._thread.start()
        try:
            self._inside = started.result()
        except BaseException:
            # Something interrupted us, and nobody would ever end it.
            started.add_done_callback(_stop_started)
            raise
        self._pid = os.getpid()
        # Of this thread alone, and of what the garbage collector does in it meanwhile.
        self._lock = threading.RLock()
        self._is_closed = False
        self._finalizer = weakref.finalize(self, _abandon, self._inside, self._pid)

    @property
    def is_forked(self) -> bool:
        """Whether this is a child of the process that the thread is in."""
        return os.getpid() != self._pid

    def run(
        self,
        make: Callable[[], Awaitable[Result]],
        undo: Callable[[], Awaitable[None]] | None = None,
    ) -> Result:
        """Return what `make()` gives on the loop, or raise it.

        Whatever interrupts the waiting cancels the call, waits until that is through, and is
        raised then.

        Args:
            make: Called on the loop.
            undo: What to do where the call succeeded all the same, and nobody will know.

        Raises:
            ClientClosedError: It was closed before or meanwhile.
            ClientForkedError: The thread is in another process.
        """
        job: Job[Result] = Job()
        try:
            self._post(lambda: self._inside.start(job, make))
            job.wait()
        except (ClientClosedError, ClientForkedError):
            raise
        except BaseException:
            with suppress(ClientClosedError):
                self._post(job.cancel)
                job.wait()
            if undo is not None and job.has_succeeded:
                self.run(undo)
            raise
        return job.result()

    def open(self, opening: Opening[Result]) -> Result:
        """Open something; see `run`."""
        return self.run(opening.__aenter__, lambda: opening.__aexit__(None, None, None))

    def call(self, function: Callable[[], Result]) -> Result:
        """Return what a function gives on the loop, or raise it; see `run`."""

        async def work() -> Result:
            return function()

        return self.run(work)

    def drop(self, held: list[Any]) -> None:
        """Empty a list on the loop, soon, but before what is asked of it afterwards."""
        try:
            self._post(held.clear)
        except (ClientClosedError, ClientForkedError):
            held.clear()

    def on_close(self, farewell: Callable[[], Awaitable[None]]) -> None:
        """Say what is to be done on the loop before it ends."""
        self._inside.farewell = farewell

    def close(self, farewell: Callable[[], Awaitable[None]] | None = None) -> None:
        """Do what is to be done, end everything, and wait for the end of the thread. Idempotent.

        In a forked process this does nothing.

        Args:
            farewell: In the place of what `on_close` said.
        """
        if self.is_forked:
            return
        with self._lock:
            is_first = not self._is_closed
            if is_first:
                self._is_closed = True
                self._finalizer.detach()
                if farewell is not None:
                    self.on_close(farewell)
                self._inside.stop_soon()
        failure = self._ended.exception()
        self._thread.join()
        if is_first and failure is not None:
            raise failure

    def _post(self, callback: Callable[[], object]) -> None:
        if self.is_forked:
            raise ClientForkedError
        with self._lock:
            if self._is_closed:
                raise ClientClosedError
            self._inside.loop.call_soon_threadsafe(callback)


class _Inside:
    """What is on the loop. The thread knows only this: the outside can be forgotten."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.loop = asyncio.get_running_loop()
        self.farewell: Callable[[], Awaitable[None]] | None = None
        self._tasks = tasks
        self._running: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()

    def start(self, job: Job[Result], make: Callable[[], Awaitable[Result]]) -> None:
        task = job.start(self._tasks, make)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def stop_soon(self) -> None:
        self.loop.call_soon_threadsafe(self._stopping.set)

    async def serve(self) -> Exception | None:
        """Work until it is stopped; return what the farewell failed with."""
        await self._stopping.wait()
        try:
            if self.farewell is not None:
                await self.farewell()
        except Exception as error:  # noqa: BLE001 -- it is raised where somebody closes
            return error
        finally:
            # What the farewell did not end.
            for task in self._running:
                task.cancel()
        return None


async def _serve(started: "Future[_Inside]") -> None:
    async with asyncio.TaskGroup() as tasks:
        inside = _Inside(tasks)
        started.set_result(inside)
        failure = await inside.serve()
    if failure is not None:
        raise failure


def _run(started: "Future[_Inside]", ended: "Future[None]") -> None:
    try:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(_serve(started))
    except Exception as error:  # noqa: BLE001 -- it is raised where somebody waits
        if not started.done():
            started.set_exception(error)
        ended.set_exception(error)
    else:
        ended.set_result(None)


def _stop_started(started: "Future[_Inside]") -> None:
    if started.exception() is None:
        started.result().stop_soon()


def _abandon(inside: _Inside, pid: int) -> None:
    """End the thread of somebody who is gone, and did not close it."""
    if os.getpid() == pid:
        warnings.warn("a telexec client was not closed", ResourceWarning, stacklevel=2)
        inside.stop_soon()
