"""Writing to a child in order, without ever waiting for it."""

import asyncio
import os
from collections import deque

from telexec_schemas.identifiers import WriteId
from telexec_schemas.process import WriteStatus
from telexec_service.config import Limits
from telexec_service.core.failure import limit_reached
from telexec_service.core.write_ids import WriteIds
from telexec_service.processes.pipe_capacity import widen

_END_OF_FILE = b"\x04"


class StdinWriter:
    """The queue in front of a child's stdin or PTY.

    A write is accepted at once while the queue is short; otherwise when the child has read enough:
    so a client that waits for its answers never runs far ahead of the child.

    Args:
        descriptor: Where to write; None: the child has no writable stdin. Owned from here on.
        is_terminal: Whether it is a PTY, whose input ends with a ^D instead of a close.

    Attributes:
        total_bytes: How much input it took.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        descriptor: int | None,
        limits: Limits,
        *,
        is_terminal: bool,
    ) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._limits = limits
        self._is_terminal = is_terminal
        self._is_line_begun = False
        self._is_ended = False
        self._queue: deque[memoryview] = deque()
        self._queued_bytes = 0
        self._waiting: deque[asyncio.Future[WriteStatus]] = deque()
        self._writes: WriteIds[asyncio.Future[WriteStatus] | WriteStatus] = WriteIds()
        self._is_ending = False
        self._is_watched = False
        # A PTY cannot be widened.
        self._is_wide = is_terminal
        self.total_bytes = 0

    def write(self, data: bytes, write_id: WriteId) -> WriteStatus | asyncio.Future[WriteStatus]:
        """Queue data behind all that was queued before; a known `write_id` is not written again.

        Raises:
            RpcFailure: More is queued than the limit allows.
        """
        known = self._writes.known(write_id)
        if known is not None:
            return known
        self._is_ended = False
        outcome = self._queue_data(data)
        if outcome != "stdinClosed":
            self.total_bytes += len(data)
        self._writes.remember(write_id, outcome)
        return outcome

    def end(self) -> None:
        """End the input once all queued is written; again without a write since does nothing."""
        if self._descriptor is None or self._is_ending or self._is_ended:
            return
        self._is_ended = True
        if self._is_terminal:
            # In mid-line the first one only hands over what there is (termios(3), VEOF).
            self._queue_data(_END_OF_FILE * 2 if self._is_line_begun else _END_OF_FILE)
        else:
            self._is_ending = True
            self._flush()

    def close(self) -> None:
        """Drop what is queued and close the descriptor; writes that wait learn of it."""
        if self._descriptor is not None:
            self._unwatch()
            os.close(self._descriptor)
            self._descriptor = None
        self._queue.clear()
        self._queued_bytes = 0
        while self._waiting:
            _resolve(self._waiting.popleft(), "stdinClosed")

    def _queue_data(self, data: bytes) -> WriteStatus | asyncio.Future[WriteStatus]:
        if self._is_ending or not self._is_open():
            return "stdinClosed"
        limit = self._limits.stdin_backlog_bytes
        if self._queued_bytes + len(data) > limit:
            raise limit_reached(
                f"cannot queue {len(data)} bytes of input: with what the process has not read yet"
                f" that is over the limit of {limit} (stdin_backlog_bytes)",
                "stdin_backlog_bytes",
                limit,
            )
        self._queue.append(memoryview(data))
        self._is_line_begun = bool(data) and not data.endswith((b"\n", b"\r"))
        self._queued_bytes += len(data)
        self._flush()
        if not self._is_open():
            return "stdinClosed"
        if self._queued_bytes <= self._limits.stdin_buffer_bytes:
            return "accepted"
        waiting: asyncio.Future[WriteStatus] = self._loop.create_future()
        self._waiting.append(waiting)
        return waiting

    def _is_open(self) -> bool:
        return self._descriptor is not None

    def _flush(self) -> None:
        if self._descriptor is None:
            return
        try:
            while self._queue:
                data = self._queue[0]
                written = self._put(self._descriptor, data)
                self._queued_bytes -= written
                if written < len(data):
                    self._queue[0] = data[written:]
                    break
                self._queue.popleft()
        except OSError:
            # EPIPE: the child closed its stdin; EIO: the terminal hung up.
            self.close()
            return
        if self._queued_bytes <= self._limits.stdin_buffer_bytes:
            while self._waiting:
                _resolve(self._waiting.popleft(), "accepted")
        if self._queue:
            self._watch()
        elif self._is_ending:
            self.close()
        else:
            self._unwatch()

    def _put(self, descriptor: int, data: memoryview) -> int:
        """Write, and return how much of it there was room for."""
        written = _write(descriptor, data)
        if written < len(data) and not self._is_wide:
            self._is_wide = True
            widen(descriptor)
            written += _write(descriptor, data[written:])
        return written

    def _watch(self) -> None:
        if not self._is_watched and self._descriptor is not None:
            self._loop.add_writer(self._descriptor, self._flush)
            self._is_watched = True

    def _unwatch(self) -> None:
        if self._is_watched and self._descriptor is not None:
            self._loop.remove_writer(self._descriptor)
            self._is_watched = False


def _write(descriptor: int, data: memoryview) -> int:
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0


def _resolve(waiting: asyncio.Future[WriteStatus], status: WriteStatus) -> None:
    # The request that waited may be gone with its connection.
    if not waiting.done():
        waiting.set_result(status)
