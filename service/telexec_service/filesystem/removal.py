"""Removing files and trees, never through a link."""

import contextlib
import errno
import os
import stat

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.filesystem import Remove
from telexec_schemas.message import NOTHING, Nothing
from telexec_service.config import FileLimits
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.checkpoint import Checkpoint, go_on
from telexec_service.filesystem.confinement import refuse_sandbox
from telexec_service.filesystem.failures import reported
from telexec_service.filesystem.paths import host_path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(params: Remove, _limits: FileLimits, checkpoint: Checkpoint = go_on) -> Nothing:
    """Remove a file, a link or a directory; see `telexec_schemas.filesystem.Remove`.

    What could not be removed stops it; what was removed before that stays removed.

    Raises:
        RpcFailure: The path is missing (unless `force`), forbidden or the root, or a directory
            that is not empty (unless `recursive`).
    """
    refuse_sandbox(params.sandbox)
    path = host_path(params.path)
    if path == "/":
        raise RpcFailure(
            ErrorCode.INTERNAL,
            ErrorReason.PATH_FORBIDDEN,
            "cannot remove /: it is the root of the host",
            subject=path,
        )
    with reported(f"remove {path}", path):
        try:
            _remove(path, checkpoint, is_recursive=params.recursive is not False)
        except FileNotFoundError:
            if params.force is False:
                raise
    return NOTHING


def _remove(path: str, checkpoint: Checkpoint, *, is_recursive: bool) -> None:
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
    elif is_recursive:
        _TreeRemoval(path, checkpoint).run()
    else:
        os.rmdir(path)


class _Level:
    """A directory on the way down: where it is, which one it is, what is still to be done in it."""

    __slots__ = ("directories", "identity", "name")

    def __init__(self, name: str, fd: int) -> None:
        status = os.fstat(fd)
        self.name = name
        self.identity = (status.st_dev, status.st_ino)
        self.directories: list[str] = []


class _TreeRemoval:
    """Removes a tree of any depth with one open directory at a time.

    Names are looked up in the open directory and never through a link, so that nobody who swaps a
    directory for a link meanwhile makes it remove anything elsewhere.
    """

    def __init__(self, path: str, checkpoint: Checkpoint) -> None:
        self._path = path
        self._checkpoint = checkpoint
        self._levels: list[_Level] = []
        self._fd = os.open(path, _DIRECTORY)

    def run(self) -> None:
        """Remove the tree.

        Raises:
            OSError: Something in it cannot be removed; its `filename` says what.
        """
        try:
            self._enter(self._path)
            while self._levels[-1].directories or len(self._levels) > 1:
                if self._levels[-1].directories:
                    self._descend(self._levels[-1].directories.pop())
                else:
                    self._ascend()
        except OSError as error:
            error.filename = self._path_of(error.filename)
            raise
        finally:
            os.close(self._fd)
        with contextlib.suppress(FileNotFoundError):  # someone else removed it as well
            os.rmdir(self._path)

    def _descend(self, name: str) -> None:
        try:
            fd = os.open(name, _DIRECTORY, dir_fd=self._fd)
        except FileNotFoundError:
            return  # someone else removes as well
        except OSError as error:
            if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
                raise
            _unlink(name, self._fd)  # it was a directory a moment ago
            return
        os.close(self._fd)
        self._fd = fd
        self._enter(name)

    def _enter(self, name: str) -> None:
        level = _Level(name, self._fd)
        self._levels.append(level)
        level.directories = _unlink_all_but_directories(self._fd, self._checkpoint)

    def _ascend(self) -> None:
        try:
            parent = os.open("..", _DIRECTORY, dir_fd=self._fd)
        except FileNotFoundError as error:  # ours may not look like "it was not there"
            raise OSError(errno.EBUSY, "someone else removes it as well") from error
        os.close(self._fd)
        self._fd = parent
        done = self._levels.pop()
        status = os.fstat(parent)
        if (status.st_dev, status.st_ino) != self._levels[-1].identity:
            raise OSError(errno.EBUSY, "it was moved while it was being removed", done.name)
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(done.name, dir_fd=parent)

    def _path_of(self, name: object) -> str:
        parts = [level.name for level in self._levels]
        if isinstance(name, str) and name not in {"..", self._path}:
            parts.append(name)
        return os.path.join(*parts) if parts else self._path


def _unlink_all_but_directories(fd: int, checkpoint: Checkpoint) -> list[str]:
    """Remove what is no directory from an open one; return the names of what is."""
    directories: list[str] = []
    with os.scandir(fd) as found:
        for entry in found:
            checkpoint()
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
            else:
                _unlink(entry.name, fd)
    return directories


def _unlink(name: str, directory_fd: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory_fd)
