"""Opening and rewriting regular files, and nothing that could block or act when it is opened."""

import contextlib
import errno
import os
import stat
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from telexec_service.filesystem.failures import PartlyWrittenError, not_a_file
from telexec_service.filesystem.process_memory import is_process_memory

# A FIFO that takes the path's place after the check must not block, a terminal not become ours.
_FLAGS = os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


def open_to_read(path: str, action: str) -> tuple[int, os.stat_result]:
    """Return a descriptor of a regular file, which the caller closes, and what the file is.

    Raises:
        OSError: It cannot be opened.
        RpcFailure: It is not a regular file.
    """
    return _open(path, os.O_RDONLY, action)


@contextmanager
def reading(path: str, action: str) -> Generator[tuple[int, os.stat_result]]:
    """Open a regular file for the time of the block; see `open_to_read`."""
    fd, status = open_to_read(path, action)
    try:
        yield fd, status
    finally:
        os.close(fd)


@contextmanager
def rewriting(path: str, action: str, mode: int = 0o666) -> Generator[int]:
    """Open a regular file, for the time of the block, to be given new content.

    Links are followed, also to a file that is not there yet. A file that is there keeps its inode
    and mode. A file that is created here gets `mode` less the umask, and is removed again if the
    block fails.

    Raises:
        OSError: It cannot be opened.
        RpcFailure: It is not a regular file.
    """
    is_new = False
    try:
        fd, _ = _open(path, os.O_WRONLY, action)
    except FileNotFoundError:
        fd, is_new = _create(path, mode, action)
    try:
        yield fd
    except PartlyWrittenError as error:
        if not is_new:
            raise
        _unlink_if_same(path, fd)
        raise OSError(error.errno, error.strerror) from error
    except BaseException:
        if is_new:
            _unlink_if_same(path, fd)
        raise
    finally:
        os.close(fd)


def replace_content(fd: int, pieces: Iterable[bytes], expected_bytes: int) -> None:
    """Make the pieces the content of a file, in place.

    Room for a file that grows is reserved before its content is touched, where the file system can
    do that: on a full disk the old content stays.

    Raises:
        PartlyWrittenError: It failed when old content was already overwritten; the file then holds
            the beginning of the new one.
        OSError: It failed; the old content is still there.

    Whatever else the pieces raise passes through, and leaves what was written until then.
    """
    old_bytes = os.fstat(fd).st_size
    written_bytes = 0
    try:
        _reserve(fd, old_bytes, expected_bytes)
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                count = os.pwrite(fd, rest, written_bytes)
                written_bytes += count
                rest = rest[count:]
        os.ftruncate(fd, written_bytes)
    except BaseException as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            os.ftruncate(fd, written_bytes or old_bytes)
        if written_bytes and isinstance(error, OSError):
            raise PartlyWrittenError(error.errno, error.strerror) from error
        raise


def _open(path: str, flags: int, action: str) -> tuple[int, os.stat_result]:
    # Looked at first, because opening a device can already do something.
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise not_a_file(action, path)
    fd = os.open(path, flags | _FLAGS)
    return fd, _checked(fd, path, action)


def _create(path: str, mode: int, action: str) -> tuple[int, bool]:
    flags = os.O_WRONLY | os.O_CREAT | _FLAGS
    try:
        fd, is_new = os.open(path, flags | os.O_EXCL, mode), True
    except FileExistsError:
        # A dangling link, whose target is made; or someone else was quicker.
        fd, is_new = os.open(path, flags, mode), False
    _checked(fd, path, action)
    return fd, is_new


def _checked(fd: int, path: str, action: str) -> os.stat_result:
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or is_process_memory(fd, status):
            raise not_a_file(action, path)
    except BaseException:
        os.close(fd)
        raise
    return status


def _reserve(fd: int, old_bytes: int, new_bytes: int) -> None:
    if old_bytes == 0 or new_bytes <= old_bytes:
        return  # nothing to lose, or room enough
    try:
        os.posix_fallocate(fd, old_bytes, new_bytes - old_bytes)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}:
            raise
        # The file system cannot reserve: writing shows whether there is room.


def _unlink_if_same(path: str, fd: int) -> None:
    with contextlib.suppress(OSError):  # the error that led here is the one to tell
        if os.path.samestat(os.lstat(path), os.fstat(fd)):
            os.unlink(path)
