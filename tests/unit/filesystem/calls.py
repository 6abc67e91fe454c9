"""Calling the functions as the service does: with the params of a request."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from telexec_schemas.file_uri import path_to_uri
from telexec_schemas.filesystem import Tree, Walk, WalkOptions
from telexec_service.config import FileLimits
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.tree import walk

Params = TypeVar("Params")

LIMITS = FileLimits()


def uri(path: str | bytes | Path) -> str:
    return path_to_uri(os.fsdecode(path))


def refusal(
    function: Callable[[Params, FileLimits], object], params: Params, limits: FileLimits = LIMITS
) -> RpcFailure:
    """Return the failure of a call that must fail, and tell as all failures are told."""
    with pytest.raises(RpcFailure) as caught:
        function(params, limits)
    failure = caught.value
    assert failure.message.startswith("cannot ")
    assert failure.to_wire().code == failure.code
    return failure


def tree_of(
    path: str | bytes | Path,
    *,
    depth: int = 64,
    directories: int = 10_000,
    entries: int = 50_000,
    follow: bool = False,
    limits: FileLimits = LIMITS,
) -> Tree:
    """Walk, and check that every path is below the first."""
    options = WalkOptions(depth, directories, entries, follow_directory_symlinks=follow)
    tree = walk(Walk(uri(path), options), limits)
    assert all(entry.path.startswith(uri(path)) for entry in tree.entries)
    return tree


def names(tree: Tree, root: Path) -> list[str]:
    """Return the paths of a tree relative to its root, directories with a slash at the end."""
    start = len(uri(root)) + 1
    return [
        entry.path[start:] + ("/" if entry.kind == "directory" else "") for entry in tree.entries
    ]
