"""A call on an event loop, for somebody who waits for it in another thread."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from msgspec import Struct

from telexec_client.errors import ClientClosedError

Result = TypeVar("Result")


class _Failed(Struct, frozen=True):
    error: Exception


class Job(Generic[Result]):
    """One call: a task on the loop, an outcome for who waits."""

    def __init__(self) -> None:
        self._outcome: Future[Result] = Future()
        self._task: asyncio.Task[Result | _Failed] | None = None

    # On the loop.

    def start(
        self, tasks: asyncio.TaskGroup, make: Callable[[], Awaitable[Result]]
    ) -> "asyncio.Task[Result | _Failed]":
        """Begin it. Its task never fails: that would end all others of the group."""

        async def work() -> Result | _Failed:
            try:
                return await make()
            except Exception as error:  # noqa: BLE001 -- it is raised where somebody waits
                return _Failed(error)

        self._task = tasks.create_task(work(), name="telexec call")
        self._task.add_done_callback(self._settle)
        return self._task

    def cancel(self) -> None:
        """Have it end soon, also if it never began."""
        if self._task is not None:
            self._task.cancel()
        elif not self._outcome.done():
            self._outcome.set_exception(ClientClosedError())

    def _settle(self, task: "asyncio.Task[Result | _Failed]") -> None:
        if task.cancelled():
            # Nobody waits any more, or the client was closed over it.
            self._outcome.set_exception(ClientClosedError())
            return
        result = task.result()
        if isinstance(result, _Failed):
            self._outcome.set_exception(result.error)
        else:
            self._outcome.set_result(result)

    # Elsewhere.

    def wait(self) -> None:
        """Wait until it is over, however that is."""
        self._outcome.exception()

    @property
    def has_succeeded(self) -> bool:
        """Whether it is over and failed with nothing."""
        return self._outcome.done() and self._outcome.exception() is None

    def result(self) -> Result:
        """Return what came of it, or raise it."""
        return self._outcome.result()
