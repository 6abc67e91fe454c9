"""Files that a session holds open, to read them in blocks."""

import contextlib
import os
import threading
from collections.abc import Callable

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.filesystem import (
    MAX_BLOCK_BYTES,
    Block,
    CloseFile,
    FileOpened,
    OpenFile,
    ReadBlock,
)
from telexec_schemas.identifiers import HandleId
from telexec_schemas.message import NOTHING, Nothing
from telexec_service.config import FileLimits
from telexec_service.core.failure import RpcFailure, limit_reached
from telexec_service.filesystem.confinement import refuse_sandbox
from telexec_service.filesystem.failures import reported
from telexec_service.filesystem.paths import host_path
from telexec_service.filesystem.regular_files import open_to_read

_MAX_OFFSET = 2**63 - 1 - MAX_BLOCK_BYTES
_MAX_ID_CHARACTERS = 1024


class FileHandles:
    """The open files of one session, safe to use from several threads.

    Args:
        check_descriptor: Raises `RpcFailure` if too few are left after this one, which was opened
            for what the second argument says. None: nobody looks.

    A descriptor is closed when its handle is closed and no read uses it any more.
    """

    def __init__(
        self, limits: FileLimits, check_descriptor: Callable[[int, str], None] | None = None
    ) -> None:
        self._limits = limits
        self._check_descriptor = check_descriptor
        self._lock = threading.Lock()
        self._files: dict[HandleId, _OpenFile] = {}
        self._is_closed = False

    def __len__(self) -> int:
        """Return how many handles are open."""
        with self._lock:
            return len(self._files)

    def open_file(self, params: OpenFile) -> FileOpened:
        """Open a regular file under a handle.

        Raises:
            RpcFailure: The handle is in use or longer than 1,024 characters, there are too many of
                them, or the file is missing, forbidden or no regular file.
        """
        refuse_sandbox(params.sandbox)
        path = host_path(params.path)
        with self._lock:  # refused before the file is touched
            self._check_room(params.handle_id)
        action = f"open {path}"
        with reported(action, path):
            fd, _ = open_to_read(path, action)
        try:
            if self._check_descriptor is not None:
                self._check_descriptor(fd, action)
            with self._lock:
                self._check_room(params.handle_id)
                self._files[params.handle_id] = _OpenFile(fd, path)
        except RpcFailure:
            os.close(fd)
            raise
        return FileOpened(params.handle_id)

    def read_block(self, params: ReadBlock) -> Block:
        """Return bytes at an offset: fewer than asked for, and `eof`, where the file ends.

        A block that ends exactly where the file does is not `eof`; the next one is, and is empty.

        Raises:
            RpcFailure: The handle is unknown, offset or length are out of range, or reading failed.
        """
        _check_range(params)
        with self._lock:
            file = self._files.get(params.handle_id)
            if file is None:
                raise _unknown(params.handle_id)
            file.users += 1
        try:
            with reported(f"read {file.path}", file.path):
                chunk = _read_at(file.fd, params.offset, params.length)
        finally:
            with self._lock:
                file.users -= 1
                file.close_if_unused()
        return Block(chunk, eof=len(chunk) < params.length)

    def close_file(self, params: CloseFile) -> Nothing:
        """Give a handle back; an unknown one is fine."""
        with self._lock:
            file = self._files.pop(params.handle_id, None)
            if file is not None:
                file.is_given_back = True
                file.close_if_unused()
        return NOTHING

    def close_all(self) -> None:
        """Give all handles back; nothing can be opened any more. Idempotent."""
        with self._lock:
            self._is_closed = True
            for file in self._files.values():
                file.is_given_back = True
                file.close_if_unused()
            self._files.clear()

    def _check_room(self, handle_id: HandleId) -> None:
        if self._is_closed:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.SESSION_UNKNOWN,
                "cannot open a file: the session is over",
            )
        if len(handle_id) > _MAX_ID_CHARACTERS:
            raise RpcFailure(
                ErrorCode.INVALID_PARAMS,
                ErrorReason.PARAMS_INVALID,
                f"cannot use `handleId`: it has more than {_MAX_ID_CHARACTERS} characters",
                subject="handleId",
            )
        if handle_id in self._files:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.HANDLE_EXISTS,
                f"cannot open a file as {handle_id!r}: the handle is in use",
                subject=handle_id,
            )
        if len(self._files) >= self._limits.max_open_files:
            raise limit_reached(
                f"cannot open a file: {self._limits.max_open_files} are open in this session",
                "max_open_files",
                self._limits.max_open_files,
            )


class _OpenFile:
    """A descriptor and who uses it; the lock of the handles guards it."""

    __slots__ = ("fd", "is_given_back", "path", "users")

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path
        self.users = 0
        self.is_given_back = False

    def close_if_unused(self) -> None:
        if self.is_given_back and not self.users:
            with contextlib.suppress(OSError):  # nothing was written that could be lost
                os.close(self.fd)


def _read_at(fd: int, offset: int, length: int) -> bytes:
    chunk = os.pread(fd, length, offset)
    # A short read is not yet the end: files of /proc give a page at a time.
    while chunk and len(chunk) < length:
        more = os.pread(fd, length - len(chunk), offset + len(chunk))
        if not more:
            break
        chunk += more
    return chunk


def _check_range(params: ReadBlock) -> None:
    if params.offset < 0 or params.length < 0:
        name = "offset" if params.offset < 0 else "len"
        raise _out_of_range(ErrorCode.INVALID_PARAMS, name, "it is negative")
    if not 1 <= params.length <= MAX_BLOCK_BYTES:
        problem = f"it is not between 1 and {MAX_BLOCK_BYTES}"
        raise _out_of_range(ErrorCode.INVALID_REQUEST, "len", problem)
    if params.offset > _MAX_OFFSET:
        raise _out_of_range(ErrorCode.INVALID_REQUEST, "offset", "no file is that large")


def _out_of_range(code: ErrorCode, name: str, problem: str) -> RpcFailure:
    return RpcFailure(
        code, ErrorReason.PARAMS_INVALID, f"cannot use `{name}`: {problem}", subject=name
    )


def _unknown(handle_id: HandleId) -> RpcFailure:
    return RpcFailure(
        ErrorCode.NOT_FOUND,
        ErrorReason.HANDLE_UNKNOWN,
        f"cannot find the file handle {handle_id!r}",
        subject=handle_id,
    )
