"""Going through what comes on an event loop."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

from telexec_client.sync.loop_thread import LoopThread

Item = TypeVar("Item")


class BlockingIterator(Iterator[Item], Generic[Item]):
    """Waits for each item. What the original is there for is left to it as long as this exists."""

    def __init__(self, thread: LoopThread, make: Callable[[], AsyncIterable[Item]]) -> None:
        self._thread = thread
        # The original begins and ends on its loop: it may have claimed output there.
        self._held: list[AsyncIterator[Item]] = []
        self._held = [thread.call(lambda: aiter(make()))]

    def __next__(self) -> Item:
        held = self._held
        items = self._thread.run(lambda: _next_of(held))
        if not items:
            raise StopIteration
        return items[0]

    def __del__(self) -> None:
        self._thread.drop(self._held)


async def _next_of(held: list[AsyncIterator[Item]]) -> tuple[Item, ...]:
    async for item in held[0]:
        return (item,)
    return ()
