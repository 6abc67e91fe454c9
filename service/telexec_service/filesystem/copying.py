"""Copying files, links and trees."""

import os
import stat
from collections.abc import Iterator

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.filesystem import Copy
from telexec_schemas.message import NOTHING, Nothing
from telexec_service.config import MIB, FileLimits
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.checkpoint import Checkpoint, go_on
from telexec_service.filesystem.confinement import refuse_sandbox
from telexec_service.filesystem.directories import make_directories, make_directory
from telexec_service.filesystem.failures import reported
from telexec_service.filesystem.paths import host_path
from telexec_service.filesystem.regular_files import reading, replace_content, rewriting

_PIECE_BYTES = MIB


def copy(params: Copy, _limits: FileLimits, checkpoint: Checkpoint = go_on) -> Nothing:
    """Copy a file with its mode, a link as a link, or, if `recursive`, a directory.

    A file replaces the content of a file that is there. A directory is merged into one that is
    there, and its parents are made; its FIFOs, sockets and devices are left out. What was copied
    before a failure stays, but no file that was made is left half-copied.

    Raises:
        RpcFailure: The source is missing, a directory without `recursive`, or neither file, link
            nor directory; the destination is the source or in it, in a missing directory, or
            already something else; it is forbidden; the disk is full.
    """
    refuse_sandbox(params.sandbox)
    source, destination = host_path(params.source_path), host_path(params.destination_path)
    action = f"copy {source} to {destination}"
    with reported(action, source):
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(source), destination)
        elif not stat.S_ISDIR(mode):
            _copy_file(source, destination, action, checkpoint)
        elif params.recursive:
            _copy_tree(source, destination, action, checkpoint)
        else:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.IS_A_DIRECTORY,
                f"cannot {action}: it is a directory, and recursive is not true",
                subject=source,
            )
    return NOTHING


def _copy_file(source: str, destination: str, action: str, checkpoint: Checkpoint) -> None:
    with reading(source, action) as (source_fd, status):
        mode = stat.S_IMODE(status.st_mode)
        with rewriting(destination, action, mode) as destination_fd:
            if os.path.samestat(status, os.fstat(destination_fd)):
                raise _into_itself(source, action)
            replace_content(destination_fd, _pieces(source_fd, checkpoint), status.st_size)
            os.fchmod(destination_fd, mode)


def _copy_tree(source: str, destination: str, action: str, checkpoint: Checkpoint) -> None:
    inside = os.path.join(os.path.realpath(source), "")
    if os.path.join(os.path.realpath(destination), "").startswith(inside):
        raise _into_itself(source, action)
    make_directories(destination)
    target = os.stat(destination)
    pending = [(source, destination)]
    while pending:
        here, there = pending.pop()
        # Paths do not show every way in: the source may hold a bind mount of the destination.
        if os.path.samestat(os.stat(here), target):
            raise _into_itself(source, action)
        pending += _copy_entries(here, there, action, checkpoint)


def _copy_entries(
    here: str, there: str, action: str, checkpoint: Checkpoint
) -> list[tuple[str, str]]:
    """Copy what is in a directory but not in its directories; return those, made but empty."""
    directories: list[tuple[str, str]] = []
    with os.scandir(here) as found:
        for entry in found:
            checkpoint()
            destination = os.path.join(there, entry.name)
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), destination)
            elif entry.is_dir():
                make_directory(destination)
                directories.append((entry.path, destination))
            elif entry.is_file():
                _copy_file(entry.path, destination, action, checkpoint)
    return directories


def _pieces(fd: int, checkpoint: Checkpoint) -> Iterator[bytes]:
    while piece := os.read(fd, _PIECE_BYTES):
        checkpoint()
        yield piece


def _into_itself(source: str, action: str) -> RpcFailure:
    return RpcFailure(
        ErrorCode.INVALID_REQUEST,
        ErrorReason.COPY_INTO_ITSELF,
        f"cannot {action}: the destination is the source or in it",
        subject=source,
    )
