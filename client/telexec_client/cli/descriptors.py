"""Reading and writing the standard descriptors without blocking the event loop.

They are shared with other programs, so none is made non-blocking: a wait until the descriptor is
ready comes before each call instead. Files are always ready and never waited for.
"""

import asyncio
import os
import select
import stat
from collections.abc import Callable

READ_BYTES = 64 * 1024

# A pipe that polls as writable takes this much without blocking (pipe(7), poll(2)).
_PIPE_PIECE_BYTES = select.PIPE_BUF
_FILE_PIECE_BYTES = 1024 * 1024


class InputDescriptor:
    """A descriptor that is read as data comes."""

    __slots__ = ("_fd", "_waits")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waits = _can_wait(fd)

    async def read(self) -> bytes:
        """Return the next bytes, at most `READ_BYTES`; empty at the end of the input.

        Raises:
            OSError: It cannot be read.
        """
        loop = asyncio.get_running_loop()
        while True:
            if self._waits:
                await _ready(self._fd, loop.add_reader, loop.remove_reader)
            try:
                return os.read(self._fd, READ_BYTES)
            except BlockingIOError:
                # Another reader of the same terminal or pipe was quicker.
                continue


class OutputDescriptor:
    """A descriptor that is written as fast as its reader takes it."""

    __slots__ = ("_fd", "_piece_bytes", "_poll")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll: select.poll | None = None
        self._piece_bytes = _FILE_PIECE_BYTES
        if _can_wait(fd):
            self._poll = select.poll()
            self._poll.register(fd, select.POLLOUT)
            self._piece_bytes = _PIPE_PIECE_BYTES

    async def write(self, data: bytes) -> None:
        """Write all of `data`; it is with its reader's kernel buffer when this returns.

        Raises:
            BrokenPipeError: Nobody reads it any more.
            OSError: It cannot be written.
        """
        loop = asyncio.get_running_loop()
        rest = memoryview(data)
        while rest:
            if self._poll is not None and not self._poll.poll(0):
                await _ready(self._fd, loop.add_writer, loop.remove_writer)
            try:
                rest = rest[os.write(self._fd, rest[: self._piece_bytes]) :]
            except BlockingIOError:
                # It was non-blocking when we got it, and another writer was quicker.
                await _ready(self._fd, loop.add_writer, loop.remove_writer)


def _can_wait(fd: int) -> bool:
    """Return whether epoll(7) takes a descriptor: not files, nor devices such as /dev/null."""
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)


async def _ready(
    fd: int,
    watch: Callable[[int, Callable[[], None]], None],
    unwatch: Callable[[int], bool],
) -> None:
    """Return when a descriptor is ready, or has an error that the next call will tell."""
    is_ready = asyncio.Event()
    watch(fd, is_ready.set)
    try:
        # No deadline: this is as long as the caller's terminal or pipe takes.
        await is_ready.wait()
    finally:
        unwatch(fd)
