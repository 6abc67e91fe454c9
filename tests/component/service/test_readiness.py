import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from telexec_service.processes.readiness import Readiness
from tests.harness.deadline import DEADLINE_S

pytestmark = pytest.mark.both_loops


class Pipes:
    """Pipes that have something to read."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack

    def full(self) -> int:
        read_end, write_end = os.pipe()
        self._stack.callback(os.close, read_end)
        os.write(write_end, b"x")
        os.close(write_end)
        return read_end


@pytest.fixture
def pipes() -> Any:
    with contextlib.ExitStack() as stack:
        yield Pipes(stack)


@pytest.fixture
async def readiness() -> AsyncIterator[Readiness]:
    readiness = Readiness()
    yield readiness
    readiness.close()


class Calls(list[Any]):
    """What was called, and a wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def note(self, call: Any) -> None:
        self.append(call)
        self._changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


async def test_whoever_waits_is_called_as_long_as_there_is_something_to_read(
    readiness: Readiness, pipes: Pipes
) -> None:
    descriptor = pipes.full()
    taken = Calls()
    readiness.watch(descriptor, lambda: taken.note(os.read(descriptor, 1)))

    await taken.until(lambda: len(taken) >= 3)

    assert taken[:3] == [b"x", b"", b""]
    readiness.unwatch(descriptor)


async def test_who_is_unwatched_by_another_in_the_same_turn_is_not_called(
    readiness: Readiness, pipes: Pipes
) -> None:
    both = {pipes.full(), pipes.full()}
    called = Calls()

    def take(own: int) -> None:
        called.note(own)
        for descriptor in both:
            readiness.unwatch(descriptor)

    for descriptor in both:
        readiness.watch(descriptor, lambda own=descriptor: take(own))
    await called.until(lambda: called)
    last = pipes.full()
    readiness.watch(last, lambda: called.note(last))
    await called.until(lambda: last in called)

    assert len(both.intersection(called)) == 1
    readiness.unwatch(last)


async def test_a_callback_that_fails_is_reported_and_keeps_no_other_from_being_called(
    readiness: Readiness, pipes: Pipes
) -> None:
    reported = Calls()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.note(context))
    failing, good = [pipes.full(), pipes.full()], pipes.full()
    called: list[int] = []

    def fail() -> None:
        raise RuntimeError("a defect")

    readiness.watch(failing[0], fail)
    readiness.watch(good, lambda: called.append(good))
    readiness.watch(failing[1], fail)
    await reported.until(lambda: called and len(reported) >= 2)

    assert all(str(context["exception"]) == "a defect" for context in reported)
    for descriptor in (*failing, good):
        readiness.unwatch(descriptor)


async def test_after_the_end_nobody_is_called(readiness: Readiness, pipes: Pipes) -> None:
    called: list[int] = []
    readiness.watch(pipes.full(), lambda: called.append(0))
    another, last, taken = Readiness(), pipes.full(), Calls()

    readiness.close()
    readiness.close()
    another.watch(last, lambda: taken.note(os.read(last, 1)))
    await taken.until(lambda: len(taken) >= 2)

    assert called == []
    another.close()
