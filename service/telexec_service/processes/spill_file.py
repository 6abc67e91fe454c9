"""Files for output that memory does not hold: without a name, and gone when they are closed."""

import contextlib
import errno
import os
import secrets
from collections.abc import Generator
from typing import Any

from telexec_service.config import SpillFiles
from telexec_service.core.counters import Counters
from telexec_service.core.spill import StorageFailedError

_FLAGS = os.O_RDWR | os.O_CLOEXEC
_MODE = 0o600


class SpillError(Exception):
    """The directory cannot hold files for output; the text says why."""


class SpillDirectory:
    """Where all files are, and how much they hold together.

    Args:
        rules: With a directory.
        counters: The service's.
        log: A structlog logger, which is told once when nothing more can be written, and once when
            it can again.

    Raises:
        SpillError: No file can be made there.
    """

    def __init__(self, rules: SpillFiles, counters: Counters, log: Any) -> None:
        self._directory = rules.directory or ""
        self._process_bytes = rules.process_bytes
        self._host_bytes = rules.host_bytes
        self._counters = counters
        self._log = log
        self._is_failing = False
        self._is_full = False
        try:
            os.close(self.open())
        except OSError as error:
            raise SpillError(
                f"cannot keep output in {self._directory} ([spill] directory): {error.strerror}"
            ) from error

    def new_file(self) -> "SpillFile":
        """Return a file for the output of one process; it takes nothing before it is written to."""
        return SpillFile(self, self._process_bytes)

    def open(self) -> int:
        """Return the descriptor of a new file that has no name.

        Raises:
            OSError: It cannot be made.
        """
        try:
            return os.open(self._directory, _FLAGS | os.O_TMPFILE, _MODE)
        except OSError as error:
            # EISDIR is what a kernel or file system says that does not know the flag (open(2)).
            if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}:
                raise
        path = os.path.join(self._directory, f".telexec-{secrets.token_hex(16)}")
        descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, _MODE)
        os.unlink(path)
        return descriptor

    def take(self, size_bytes: int) -> bool:
        """Take this much of the quota, if there is as much."""
        if self._counters.spilled_bytes + size_bytes > self._host_bytes:
            if not self._is_full:
                self._is_full = True
                self._counters.add_limit("spill_host_bytes")
                self._log.warning("spill.full", limit_bytes=self._host_bytes)
            return False
        self._counters.spilled_bytes += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """Give this much back."""
        self._counters.spilled_bytes -= size_bytes
        # Said again only once there was room for a while.
        if self._counters.spilled_bytes * 2 < self._host_bytes:
            self._is_full = False

    def note_failure(self, error: OSError) -> None:
        """Count a failure, and tell the first one."""
        self._counters.spill_failures += 1
        if not self._is_failing:
            self._is_failing = True
            self._log.error("spill.failed", error=error.strerror)

    def note_success(self) -> None:
        """Tell that it works again."""
        if self._is_failing:
            self._is_failing = False
            self._log.warning("spill.resumed")


class SpillFile:
    """The file of one process; see `SpillStorage`. It is made when it is first written to.

    A write or a read blocks as long as the file system does.

    Attributes:
        capacity_bytes: How large it may become.
    """

    def __init__(self, directory: SpillDirectory, capacity_bytes: int) -> None:
        self._directory = directory
        self._descriptor = -1
        self._taken_bytes = 0
        self._is_closed = False
        self.capacity_bytes = capacity_bytes

    def may_grow(self, size_bytes: int) -> bool:
        """See `SpillStorage`."""
        if self._is_closed or not self._directory.take(size_bytes):
            return False
        self._taken_bytes += size_bytes
        return True

    def shrink(self, size_bytes: int) -> None:
        """See `SpillStorage`."""
        self._taken_bytes -= size_bytes
        self._directory.give_back(size_bytes)

    def write(self, offset: int, content: bytes) -> None:
        """See `SpillStorage`."""
        with self._failing():
            if self._descriptor < 0:
                self._descriptor = self._directory.open()
            rest = memoryview(content)
            while rest:
                # A full disk takes a part, and says so the next time.
                count = os.pwrite(self._descriptor, rest, offset)
                rest, offset = rest[count:], offset + count
        self._directory.note_success()

    def read(self, offset: int, size_bytes: int) -> bytes:
        """See `SpillStorage`."""
        parts: list[bytes] = []
        with self._failing():
            while size_bytes > 0:
                part = os.pread(self._descriptor, size_bytes, offset)
                if not part:
                    raise OSError(errno.EIO, "the file is shorter than what was written to it")
                parts.append(part)
                offset, size_bytes = offset + len(part), size_bytes - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Give the file back. Idempotent; nothing can be read or written any more."""
        self._is_closed = True
        self.shrink(self._taken_bytes)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @contextlib.contextmanager
    def _failing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            self._directory.note_failure(error)
            raise StorageFailedError(str(error)) from error
