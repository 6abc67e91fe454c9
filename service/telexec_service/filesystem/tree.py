"""Walking a tree."""

import heapq
import os
import stat
from collections import deque

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.file_uri import path_to_uri
from telexec_schemas.filesystem import Tree, Walk, WalkEntry, WalkError, WalkOptions
from telexec_service.config import FileLimits
from telexec_service.core.failure import RpcFailure, limit_reached
from telexec_service.filesystem.checkpoint import Checkpoint, go_on
from telexec_service.filesystem.confinement import refuse_sandbox
from telexec_service.filesystem.entries import Entry, entries_of
from telexec_service.filesystem.failures import reported, why
from telexec_service.filesystem.paths import host_path


def walk(params: Walk, limits: FileLimits, checkpoint: Checkpoint = go_on) -> Tree:
    """Return the files and directories of a tree, breadth first, each directory sorted by name.

    Links are left out, except, if they are followed, those to directories; no directory is
    entered twice, so that loops end. FIFOs, sockets and devices are left out, too. A directory
    that cannot be read is an error of the tree, not of the request. A path that is no directory
    has an empty tree, and so has a link that is not followed.

    `max_entries` counts every name that is looked at, also those left out; `max_directories` every
    directory that is read, the first included.

    Raises:
        RpcFailure: The path is missing or forbidden, or a bound is out of range.
    """
    refuse_sandbox(params.sandbox)
    _check(params.options, limits)
    path = host_path(params.path)
    with reported(f"walk {path}", path):
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
        status = os.stat(path)
    walker = _Walker(params.options, checkpoint)
    if stat.S_ISDIR(status.st_mode) and (params.options.follow_directory_symlinks or not is_link):
        walker.run(path)
    return Tree(walker.entries, walker.errors, truncated=walker.is_truncated)


class _Walker:
    """One walk: what it found and what it still has to read."""

    def __init__(self, options: WalkOptions, checkpoint: Checkpoint) -> None:
        self.entries: list[WalkEntry] = []
        self.errors: list[WalkError] = []
        self.is_truncated = False
        self._options = options
        self._checkpoint = checkpoint
        self._examined = 0
        self._seen: set[tuple[int, int]] = set()
        self._pending: deque[tuple[str, int]] = deque()

    def run(self, path: str) -> None:
        """Read directories until there are no more, or a bound is reached."""
        self._enqueue(path, depth=0)
        directories = 0
        while self._pending and not self.is_truncated:
            if directories == self._options.max_directories:
                self.is_truncated = True
                return
            directories += 1
            self._checkpoint()
            self._read(*self._pending.popleft())

    def _enqueue(self, path: str, *, depth: int) -> None:
        if depth > self._options.max_depth:
            return
        try:
            status = os.stat(path)
        except OSError as error:
            self._report(path, error)
            return
        identity = (status.st_dev, status.st_ino)
        if identity not in self._seen:
            self._seen.add(identity)
            self._pending.append((path, depth))

    def _read(self, path: str, depth: int) -> None:
        budget = self._options.max_entries - self._examined
        try:
            # One more than may be examined shows that there is more, and no directory is so
            # large that its names do not fit in memory.
            found = heapq.nsmallest(budget + 1, entries_of(path), key=_name_bytes)
        except OSError as error:
            self._report(path, error)
            return
        for entry in found[:budget]:
            self._add(entry, depth)
        self._examined += min(len(found), budget)
        self.is_truncated = len(found) > budget

    def _add(self, entry: Entry, depth: int) -> None:
        if entry.is_symlink and not (
            entry.is_directory and self._options.follow_directory_symlinks
        ):
            return
        if entry.is_directory:
            self.entries.append(WalkEntry(path_to_uri(entry.path), "directory"))
            self._enqueue(entry.path, depth=depth + 1)
        elif entry.is_file:
            self.entries.append(WalkEntry(path_to_uri(entry.path), "file"))

    def _report(self, path: str, error: OSError) -> None:
        self.errors.append(WalkError(path_to_uri(path), f"cannot read it: {why(error)}"))


def _name_bytes(entry: Entry) -> bytes:
    return os.fsencode(entry.name)


def _check(options: WalkOptions, limits: FileLimits) -> None:
    bounds = {
        "maxDepth": options.max_depth,
        "maxDirectories": options.max_directories,
        "maxEntries": options.max_entries,
    }
    for name, value in bounds.items():
        if value < 0:
            raise _out_of_range(ErrorCode.INVALID_PARAMS, name, "it is negative")
        if value == 0 and name != "maxDepth":
            raise _out_of_range(ErrorCode.INVALID_REQUEST, name, "it is 0")
    if options.max_entries > limits.max_entries:
        raise limit_reached(
            f"cannot walk: `maxEntries` is more than {limits.max_entries}",
            "max_entries",
            limits.max_entries,
        )


def _out_of_range(code: ErrorCode, name: str, problem: str) -> RpcFailure:
    return RpcFailure(
        code, ErrorReason.PARAMS_INVALID, f"cannot use `{name}`: {problem}", subject=name
    )
