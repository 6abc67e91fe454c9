"""Writing lines to a descriptor that others may share, and never waiting for who reads them."""

import asyncio
import contextlib
import os
import select
import socket
import stat
import time
from collections import deque
from collections.abc import Callable

MAX_WAITING_BYTES = 1024 * 1024
"""With so much unwritten, further lines are dropped: nobody has read for a while."""

LAST_WORDS_S = 1.0
"""How long the end waits for a reader to take what is still unwritten."""

_CHUNK_BYTES = select.PIPE_BUF
"""So much is written to a pipe whole or not at all (pipe(7)), and mixed with nobody's lines."""


class LineWriter:
    """Collects the lines of one turn of the loop and writes them at its end.

    To a file they are written as they are. A pipe, socket or terminal whose reader is slow gets
    them when it takes more; what does not fit by then is dropped, counted, and told in a line of
    its own in the place of what is missing. Outside of a running loop, lines are written at once.

    Args:
        descriptor: Where to write. Its flags are not touched: others may use it too.
        render_dropped: Makes the line that tells how many were dropped.
        max_waiting_bytes: How much may wait for a reader.
    """

    def __init__(
        self,
        descriptor: int,
        render_dropped: Callable[[int], bytes],
        *,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self._render_dropped = render_dropped
        self._max_waiting_bytes = max_waiting_bytes
        self._sink = _open_sink(descriptor)
        self._loop: asyncio.AbstractEventLoop | None = None
        # A number stands for as many lines that were dropped in its place.
        self._queue: deque[bytes | int] = deque()
        self._waiting_bytes = 0
        self._is_flush_due = False
        self._is_watched = False
        self.dropped = 0

    def write(self, line: bytes) -> None:
        """Write a line, which ends with its newline, now or soon, or drop it."""
        if self._waiting_bytes + len(line) > self._max_waiting_bytes:
            self.dropped += 1
            self._note_dropped(1)
            return
        self._queue.append(line)
        self._waiting_bytes += len(line)
        if self._is_flush_due or self._is_watched:
            return
        if self._loop is None:
            self._flush()
        else:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def open(self) -> None:
        """Write at the end of each turn of the running loop from now on."""
        self._loop = asyncio.get_running_loop()

    def detach(self) -> None:
        """Write at once from now on: the loop ends. Idempotent."""
        self._unwatch()
        self._loop = None
        self._is_flush_due = False

    def close(self) -> None:
        """Write what is left as far as somebody takes it soon, and give back what was opened."""
        self.detach()
        give_up_at = time.monotonic() + LAST_WORDS_S
        while self._queue:
            self._flush()
            left_s = give_up_at - time.monotonic()
            if self._waiting_bytes == 0 or left_s <= 0 or not self._sink.wait(left_s):
                break
        self._sink.close()

    def _flush(self) -> None:
        self._is_flush_due = False
        while self._queue:
            chunk, lines, missing = self._next_chunk()
            try:
                rest = self._put(chunk)
            except OSError:
                # The reader is gone, or the disk is full: to be told when it is there again.
                self._lose(lines, missing)
                break
            if rest:
                self._queue.appendleft(rest)
                self._waiting_bytes += len(rest)
                self._watch()
                return
        self._unwatch()

    def _next_chunk(self) -> tuple[bytes, int, int]:
        """Take what is written at once.

        Returns:
            Whole lines, or one that is longer; how many of them were given to `write`; and how many
            missing ones the others tell of.
        """
        taken: list[bytes] = []
        size = lines = missing = 0
        while self._queue:
            entry = self._queue[0]
            line = self._render_dropped(entry) if isinstance(entry, int) else entry
            if taken and size + len(line) > _CHUNK_BYTES:
                break
            self._queue.popleft()
            taken.append(line)
            size += len(line)
            if isinstance(entry, int):
                missing += entry
            else:
                lines += 1
                self._waiting_bytes -= len(entry)
        return b"".join(taken), lines, missing

    def _put(self, chunk: bytes) -> bytes:
        """Write a chunk and return what of it has to wait."""
        while chunk:
            try:
                written = self._sink.write(chunk[:_CHUNK_BYTES])
            except BlockingIOError:
                break
            chunk = chunk[written:]
        return chunk

    def _note_dropped(self, count: int) -> None:
        last = self._queue[-1] if self._queue else None
        if isinstance(last, int):
            self._queue[-1] = last + count
        else:
            self._queue.append(count)

    def _lose(self, lines: int, missing: int) -> None:
        """Drop a chunk that could not be written and all behind it; keep their number."""
        for entry in self._queue:
            if isinstance(entry, int):
                missing += entry
            else:
                lines += 1
        self._queue.clear()
        self._waiting_bytes = 0
        self.dropped += lines
        self._note_dropped(lines + missing)

    def _watch(self) -> None:
        if self._loop is not None and not self._is_watched:
            self._is_watched = True
            self._loop.add_writer(self._sink.descriptor, self._flush)

    def _unwatch(self) -> None:
        if self._loop is not None and self._is_watched:
            self._is_watched = False
            self._loop.remove_writer(self._sink.descriptor)


class _Sink:
    """A file: it takes everything, or fails. `descriptor` is the caller's."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def write(self, data: bytes) -> int:
        return os.write(self.descriptor, data)

    def wait(self, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        return bool(poll.poll(timeout_s * 1000))

    def close(self) -> None:
        return


class _OwnSink(_Sink):
    """A pipe or terminal, opened once more, so that it can be non-blocking for us alone."""

    def close(self) -> None:
        os.close(self.descriptor)


class _PatientSink(_Sink):
    """One that cannot be opened once more, as another user's: asked before each write.

    A pipe that is ready takes `PIPE_BUF` bytes; only another writer of the same pipe that comes in
    between can still make us wait.
    """

    def write(self, data: bytes) -> int:
        if not self.wait(0):
            raise BlockingIOError
        return super().write(data)


class _SocketSink(_Sink):
    """A socket, as the journal's."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        super().__init__(self._socket.fileno())

    def write(self, data: bytes) -> int:
        return self._socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def close(self) -> None:
        self._socket.close()


def _open_sink(descriptor: int) -> _Sink:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        return _SocketSink(descriptor)
    if stat.S_ISFIFO(mode) or os.isatty(descriptor):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with contextlib.suppress(OSError):
            return _OwnSink(os.open(f"/proc/self/fd/{descriptor}", flags))
        return _PatientSink(descriptor)
    return _Sink(descriptor)
