"""Reading one stream of a child's output."""

import asyncio
import fcntl
import os
import struct
import termios
import time
from collections.abc import Callable

from telexec_schemas.process import Stream
from telexec_service.core.gathering import Gathering
from telexec_service.processes.pipe_capacity import widen
from telexec_service.processes.readiness import Readiness

CHUNK_BYTES = 64 * 1024
"""The most that is read at once, until a pipe turns out to hold more."""

MUCH_CHUNK_BYTES = 128 * 1024
"""The most that is read at once of a pipe that is always full: fewer reads wake its writer less
often. What else happens on the host waits for it."""

MOST_CHUNK_BYTES = 256 * 1024
"""The most that is read at once while nothing else happens, and so the largest piece of output.

A quarter of a wide pipe: its writer goes on meanwhile.
"""

TURNS_ALONE = 8
"""Nothing else happens: so many turns of the loop in which only this pipe had something."""

LEAST_CHUNK_BYTES = 4096
"""What a read takes however little is retained."""

_PARTS = 4
"""What is retained has room for so many pieces: it moves on by pieces."""

MUCH_BYTES = 16 * 1024
"""Who has written so much until it was read gets a wider pipe, as does who has to wait."""

MUCH_TOGETHER_BYTES = 128 * 1024
MUCH_TOGETHER_S = 0.1
"""So does who writes so much in this time, in smaller parts."""

GATHER_S = 0.001
"""How long a read waits for more: a writer of 1 GB/s fills a wide pipe meanwhile, and no more."""

PTY_BUFFER_BYTES = 1024 * 1024
"""More than the kernel holds of a PTY's output (640 KiB, and 4 KiB that are ready to be read)."""


class OutputPipe:
    """A pipe or PTY that output is read from whenever there is some, unless paused.

    Args:
        descriptor: Non-blocking; owned from here on.
        retained_bytes: How much of its output is retained.
        on_data: Called with each piece, in order.
        on_drained: Called when the pipe no longer owes anything, and when it has ended.
    """

    def __init__(
        self,
        readiness: Readiness,
        descriptor: int,
        stream: Stream,
        on_data: Callable[[Stream, bytes], None],
        on_drained: Callable[[], None],
        *,
        retained_bytes: int,
    ) -> None:
        self._readiness = readiness
        self._descriptor = descriptor
        self._stream: Stream = stream
        # A PTY cannot be widened.
        self._is_widened = stream == "pty"
        self._on_data = on_data
        self._on_drained = on_drained
        self._is_reading = False
        fitting_bytes = max(retained_bytes // _PARTS, LEAST_CHUNK_BYTES)
        self._most_bytes = min(MOST_CHUNK_BYTES, fitting_bytes)
        self._much_bytes = min(MUCH_CHUNK_BYTES, fitting_bytes)
        self._first_bytes = self._chunk_bytes = min(CHUNK_BYTES, fitting_bytes)
        self._owed_bytes = 0
        self._together_bytes = 0
        self._together_since = 0.0
        self._gathering: Gathering | None = None
        self._pause: asyncio.TimerHandle | None = None
        self.is_open = True

    @property
    def owes(self) -> bool:
        """Whether some of what `note_exit` found in the pipe is still to be read."""
        return self.is_open and self._owed_bytes > 0

    def set_reading(self, wanted: bool) -> None:  # noqa: FBT001 - the value is the verb's object
        """Read from now on, or let the child wait."""
        if not self.is_open or wanted == self._is_reading:
            return
        self._is_reading = wanted
        if wanted:
            self._readiness.watch(self._descriptor, self._read)
        else:
            self._unwatch()
            self._widen()

    def note_exit(self) -> None:
        """Look how much the pipe holds: so much was written before the child was gone."""
        if not self.is_open:
            return
        if self._stream == "pty":
            # What the kernel has not moved to our end yet is not counted by FIONREAD: read until
            # there is nothing more, or as much as can have been there.
            self._owed_bytes = PTY_BUFFER_BYTES
        else:
            size = fcntl.ioctl(self._descriptor, termios.FIONREAD, b"\0\0\0\0")
            self._owed_bytes = struct.unpack("i", size)[0]

    def read_owed(self) -> None:
        """Read what `note_exit` found, unless reading is paused in between."""
        while self.owes and self._is_reading:
            self._read()

    def close(self) -> None:
        """Stop reading and close the descriptor; nothing is called after that."""
        if self.is_open:
            if self._is_reading:
                self._unwatch()
            self.is_open = False
            os.close(self._descriptor)

    def _is_much(self, size_bytes: int) -> bool:
        self._together_bytes += size_bytes
        if self._together_bytes < MUCH_TOGETHER_BYTES:
            return size_bytes >= MUCH_BYTES
        now = time.monotonic()
        is_soon = now - self._together_since <= MUCH_TOGETHER_S
        self._together_bytes, self._together_since = 0, now
        return is_soon or size_bytes >= MUCH_BYTES

    def _widen(self) -> None:
        if not self._is_widened:
            self._is_widened = True
            # In one that is not wide its writer could not go on meanwhile.
            if widen(self._descriptor):
                self._gathering = Gathering()

    def _unwatch(self) -> None:
        if self._pause is None:
            self._readiness.unwatch(self._descriptor)
        else:
            self._pause.cancel()
            self._pause = None

    def _begin_pause(self) -> None:
        if self.is_open and self._is_reading and self._pause is None:
            self._readiness.unwatch(self._descriptor)
            loop = asyncio.get_running_loop()
            self._pause = loop.call_later(GATHER_S, self._end_pause)

    def _end_pause(self) -> None:
        self._pause = None
        self._readiness.watch(self._descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, self._chunk_bytes)
        except BlockingIOError:
            if self.owes:
                self._owed_bytes = 0
                self._on_drained()
            return
        except OSError:
            # EIO: a PTY's last user is gone (pty(7)).
            data = b""
        self._owed_bytes -= len(data)
        if data:
            if not self._is_widened and self._is_much(len(data)):
                self._widen()
            has_emptied = len(data) < self._chunk_bytes
            if has_emptied:
                self._chunk_bytes = self._first_bytes
            else:
                is_alone = self._readiness.turns_alone >= TURNS_ALONE
                most_bytes = self._most_bytes if is_alone else self._much_bytes
                self._chunk_bytes = min(self._chunk_bytes * 2, most_bytes)
            self._on_data(self._stream, data)
            if self._gathering is not None and self._gathering.note_read(
                len(data), has_emptied=has_emptied
            ):
                self._begin_pause()
        else:
            self.close()
            self._on_drained()
