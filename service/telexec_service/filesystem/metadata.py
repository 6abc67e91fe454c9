"""What a path is and where it leads."""

import os
import stat

from telexec_schemas.file_uri import path_to_uri
from telexec_schemas.filesystem import Canonicalize, CanonicalPath, GetMetadata, Metadata
from telexec_service.config import FileLimits
from telexec_service.filesystem.confinement import refuse_sandbox
from telexec_service.filesystem.failures import reported
from telexec_service.filesystem.paths import host_path


def get_metadata(params: GetMetadata, _limits: FileLimits) -> Metadata:
    """Return what a path is, with links followed; `is_symlink` is about the path itself.

    `created_at_ms` is 0 (unknown), `modified_at_ms` is 0 before 1970.

    Raises:
        RpcFailure: There is no such path (also: a dangling link), or it cannot be reached.
    """
    refuse_sandbox(params.sandbox)
    path = host_path(params.path)
    with reported(f"look at {path}", path):
        status = os.lstat(path)
        is_symlink = stat.S_ISLNK(status.st_mode)
        if is_symlink:
            status = os.stat(path)
    return Metadata(
        is_directory=stat.S_ISDIR(status.st_mode),
        is_file=stat.S_ISREG(status.st_mode),
        is_symlink=is_symlink,
        size=status.st_size,
        created_at_ms=0,
        modified_at_ms=max(0, status.st_mtime_ns // 1_000_000),
    )


def canonicalize(params: Canonicalize, _limits: FileLimits) -> CanonicalPath:
    """Return a path without links and `..`.

    Raises:
        RpcFailure: There is no such path, or it cannot be reached.
    """
    refuse_sandbox(params.sandbox)
    path = host_path(params.path)
    with reported(f"resolve {path}", path):
        os.stat(path)  # what the kernel cannot resolve, part by part might
        return CanonicalPath(path_to_uri(os.path.realpath(path, strict=True)))
