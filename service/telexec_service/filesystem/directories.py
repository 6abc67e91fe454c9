"""Listing and making directories."""

import os

from telexec_schemas.filesystem import (
    CreateDirectory,
    DirectoryEntry,
    DirectoryListing,
    ReadDirectory,
)
from telexec_schemas.message import NOTHING, Nothing
from telexec_service.config import FileLimits
from telexec_service.core.failure import limit_reached
from telexec_service.filesystem.confinement import refuse_sandbox
from telexec_service.filesystem.entries import Entry, entries_of
from telexec_service.filesystem.failures import reported
from telexec_service.filesystem.paths import host_path


def read_directory(params: ReadDirectory, limits: FileLimits) -> DirectoryListing:
    """Return the names in a directory, in no order, without links that lead nowhere.

    A name that is not UTF-8 has replacement characters; a walk gives its exact path.

    Raises:
        RpcFailure: It is missing, forbidden or no directory, or holds more than
            `limits.max_entries` names.
    """
    refuse_sandbox(params.sandbox)
    path = host_path(params.path)
    listing: list[DirectoryEntry] = []
    with reported(f"list {path}", path):
        for entry in entries_of(path):
            if len(listing) == limits.max_entries:
                raise limit_reached(
                    f"cannot list {path}: it holds more than {limits.max_entries} names",
                    "max_entries",
                    limits.max_entries,
                )
            listing.append(_listed(entry))
    return DirectoryListing(listing)


def create_directory(params: CreateDirectory, _limits: FileLimits) -> Nothing:
    """Make a directory; unless `recursive` is false also its parents, and one there is fine.

    Raises:
        RpcFailure: Its parent is missing, something is there already, or it is forbidden.
    """
    refuse_sandbox(params.sandbox)
    path = host_path(params.path)
    with reported(f"make the directory {path}", path):
        if params.recursive is False:
            os.mkdir(path)
        else:
            make_directories(path)
    return NOTHING


def make_directories(path: str) -> None:
    """Make a directory and what is missing above it; one that is there is fine.

    Raises:
        OSError: Something else is there, or it is forbidden.
    """
    missing: list[str] = []
    while True:
        try:
            make_directory(path)
            break
        except FileNotFoundError:
            missing.append(path)
            path = os.path.dirname(path)
    while missing:
        make_directory(missing.pop())


def make_directory(path: str) -> None:
    """Make a directory; one that is there is fine.

    Raises:
        OSError: Something else is there, its parent is missing, or it is forbidden.
    """
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def _listed(entry: Entry) -> DirectoryEntry:
    name = os.fsencode(entry.name).decode("utf-8", "replace")
    return DirectoryEntry(name, is_directory=entry.is_directory, is_file=entry.is_file)
