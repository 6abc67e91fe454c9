"""One call, two ways to use what it opens."""

from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Generic, TypeVar

Opened = TypeVar("Opened")


class Opening(Generic[Opened]):
    """Something that is about to be opened.

    `async with` opens it and closes it at the end of the block; `await` opens it and leaves the
    closing to the caller. Nothing happens before either. To be used once.
    """

    __slots__ = ("_close", "_open", "_opened")

    def __init__(
        self,
        open_: Callable[[], Awaitable[Opened]],
        close: Callable[[Opened], Awaitable[None]],
    ) -> None:
        self._open = open_
        self._close = close
        self._opened: list[Opened] = []

    def __await__(self) -> Generator[object, None, Opened]:
        return self._open().__await__()

    async def __aenter__(self) -> Opened:
        opened = await self._open()
        self._opened.append(opened)
        return opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close(self._opened.pop())
