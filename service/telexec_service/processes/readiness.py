"""Waiting for many descriptors through one that the loop watches."""

import asyncio
import select
from collections.abc import Callable


class Readiness:
    """Calls whoever wants to read a descriptor, when there is something to read.

    An epoll of our own, which the loop watches as one descriptor (epoll(7): an epoll can be in
    another): to watch and unwatch a descriptor costs a system call each, where the loops need up to
    seven and an object, and a turn of the loop in which many are ready costs one call of the loop.

    Attributes:
        turns_alone: In how many turns before this one, without a break, the same descriptor was the
            only one that was ready.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._wanted: dict[int, Callable[[], None]] = {}
        self._latest = -1
        self.turns_alone = 0
        self._loop.add_reader(self._epoll.fileno(), self.look)

    def watch(self, descriptor: int, on_readable: Callable[[], None]) -> None:
        """Call a function in each turn in which the descriptor can be read or has ended.

        It must be unwatched before it is closed.
        """
        self._epoll.register(descriptor, select.EPOLLIN)
        self._wanted[descriptor] = on_readable

    def unwatch(self, descriptor: int) -> None:
        """Do not call for this descriptor any more, also not in this turn."""
        del self._wanted[descriptor]
        self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Watch nothing any more. Idempotent."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def look(self) -> None:
        """Call for all that is ready now; the loop does it in each turn. After `close`: nothing."""
        if self._epoll.closed:
            return
        ready = self._epoll.poll(0)
        if len(ready) == 1 and ready[0][0] == self._latest:
            self.turns_alone += 1
        else:
            self.turns_alone = 0
            self._latest = ready[0][0] if ready else -1
        for descriptor, _ in ready:
            on_readable = self._wanted.get(descriptor)
            # One before it in this turn may have unwatched it.
            if on_readable is None:
                continue
            try:
                on_readable()
            except Exception as error:  # noqa: BLE001 - the root of a callback: the loop reports it
                self._loop.call_exception_handler(
                    {"message": f"a callback failed: {on_readable!r}", "exception": error}
                )
