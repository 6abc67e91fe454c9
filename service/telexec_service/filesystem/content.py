"""Reading and writing files whole."""

import os

from telexec_schemas.filesystem import FileContent, ReadFile, WriteFile
from telexec_schemas.message import NOTHING, Nothing
from telexec_service.config import KIB, FileLimits
from telexec_service.core.failure import limit_reached
from telexec_service.filesystem.confinement import refuse_sandbox
from telexec_service.filesystem.failures import reported
from telexec_service.filesystem.paths import host_path
from telexec_service.filesystem.regular_files import reading, replace_content, rewriting

_LEAST_READ_BYTES = 64 * KIB


def read_file(params: ReadFile, limits: FileLimits) -> FileContent:
    """Return what a regular file holds.

    Raises:
        RpcFailure: It is missing, forbidden, no regular file, or larger than
            `limits.max_file_bytes`; larger files are read in blocks, through a handle.
    """
    refuse_sandbox(params.sandbox)
    path = host_path(params.path)
    action = f"read {path}"
    with reported(action, path), reading(path, action) as (fd, status):
        content = _read_up_to(fd, status.st_size, limits.max_file_bytes)
    if content is None:
        raise limit_reached(
            f"cannot read {path} whole: it is larger than {limits.max_file_bytes} bytes; "
            "read it in blocks, with fs/open and fs/readBlock",
            "max_file_bytes",
            limits.max_file_bytes,
        )
    return FileContent(content)


def write_file(params: WriteFile, _limits: FileLimits) -> Nothing:
    """Make a regular file's content this, in place: links are followed, inode and mode stay.

    When the disk is full, a file that was not there before is not left behind, and one that was
    keeps its content where the file system can reserve room; else the failure says that the file
    now holds a part of the new content. A reader at the same time may see old and new content.

    Raises:
        RpcFailure: The directory is missing, the path is forbidden or no regular file, or the disk
            is full.
    """
    refuse_sandbox(params.sandbox)
    path = host_path(params.path)
    action = f"write {path}"
    with reported(action, path), rewriting(path, action) as fd:
        replace_content(fd, (params.content,), len(params.content))
    return NOTHING


def _read_up_to(fd: int, expected_bytes: int, max_bytes: int) -> bytes | None:
    """Return everything up to the end of the file, or `None` if that is more than `max_bytes`."""
    if expected_bytes > max_bytes:
        return None
    pieces: list[bytes] = []
    read_bytes = 0
    # To the end and not to the size: files of /proc have none, and a log grows.
    while read_bytes <= max_bytes:
        wanted_bytes = max(expected_bytes - read_bytes + 1, _LEAST_READ_BYTES)
        piece = os.read(fd, min(wanted_bytes, max_bytes - read_bytes + 1))
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        read_bytes += len(piece)
    return None
