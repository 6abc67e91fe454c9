"""Files of a host, by their paths there."""

from collections.abc import Sequence
from typing import Literal, TypeVar

import msgspec

from telexec_client.connection import Connection
from telexec_client.core.failure import file_error
from telexec_client.core.opening import Opening
from telexec_client.errors import InvalidPathError, RemoteError
from telexec_client.filesystem.open_file import OpenFile, open_file
from telexec_schemas.file_uri import path_to_uri, uri_to_path
from telexec_schemas.filesystem import (
    Canonicalize,
    Copy,
    CreateDirectory,
    DirectoryEntry,
    GetMetadata,
    Metadata,
    ReadDirectory,
    ReadFile,
    Remove,
    Walk,
    WalkOptions,
    WriteFile,
)
from telexec_schemas.method import Method
from telexec_schemas.methods import (
    CANONICALIZE,
    COPY,
    CREATE_DIRECTORY,
    GET_METADATA,
    READ_DIRECTORY,
    READ_FILE,
    REMOVE,
    WALK,
    WRITE_FILE,
)

Params = TypeVar("Params")
Result = TypeVar("Result")


class TreeEntry(msgspec.Struct, frozen=True):
    """A file or directory that a walk found."""

    path: str
    kind: Literal["file", "directory"]


class Tree(msgspec.Struct, frozen=True):
    """What a walk found.

    Attributes:
        entries: Breadth first, sorted by name in each directory.
        unreadable: What could not be read: the path, and why.
        is_truncated: Whether a bound cut the walk short.
    """

    entries: Sequence[TreeEntry]
    unreadable: Sequence[tuple[str, str]]
    is_truncated: bool


class Files:
    """The files of a host. Paths are absolute paths on the host, as `str`.

    Every method raises a `FileError`, of a kind where there is one, when the host cannot do it.
    What changes files is not repeated when the connection breaks: `ConnectionLostError` says that
    it may or may not have happened.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def metadata(self, path: str) -> Metadata:
        """Return what a path is; links are followed."""
        return await self._call("look at", path, GET_METADATA, GetMetadata(_uri("look at", path)))

    async def read(self, path: str) -> bytes:
        """Return the content of a regular file. Use `open` for one that is large."""
        content = await self._call("read", path, READ_FILE, ReadFile(_uri("read", path)))
        return content.content

    async def write(self, path: str, data: bytes) -> None:
        """Make this the content of a regular file, which is created if it is not there.

        >>> made = await client.run(["mktemp", "-d"], text=True)
        >>> directory = made.stdout.strip()
        >>> await client.files.write(f"{directory}/new", b"content")
        >>> await client.files.read(f"{directory}/new")
        b'content'
        >>> [entry.file_name for entry in await client.files.list(directory)]
        ['new']
        >>> await client.files.remove(directory, recursive=True)

        Raises:
            RequestTooLargeError: It is more than the host takes at once.
        """
        await self._call("write", path, WRITE_FILE, WriteFile(_uri("write", path), data))

    async def list(self, path: str) -> Sequence[DirectoryEntry]:
        """Return the names in a directory, in no order; dangling links are left out."""
        listing = await self._call("list", path, READ_DIRECTORY, ReadDirectory(_uri("list", path)))
        return listing.entries

    async def make_directory(self, path: str, *, parents: bool = False) -> None:
        """Make a directory; with `parents`, also those above it, and one that is there is fine."""
        params = CreateDirectory(_uri("make the directory", path), recursive=parents)
        await self._call("make the directory", path, CREATE_DIRECTORY, params)

    async def canonicalize(self, path: str) -> str:
        """Return the path with every link resolved."""
        params = Canonicalize(_uri("resolve", path))
        resolved = await self._call("resolve", path, CANONICALIZE, params)
        return uri_to_path(resolved.path)

    async def remove(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Remove a file, a link (not what it points at) or a directory.

        Args:
            path: What to remove.
            recursive: Remove a directory with all that is in it.
            missing_ok: Do nothing if there is nothing.
        """
        params = Remove(_uri("remove", path), recursive=recursive, force=missing_ok)
        await self._call("remove", path, REMOVE, params)

    async def copy(self, source: str, destination: str, *, recursive: bool = False) -> None:
        """Copy a file, a link (as a link) or, if `recursive`, a directory."""
        params = Copy(_uri("copy", source), _uri("copy to", destination), recursive=recursive)
        await self._call("copy", source, COPY, params)

    async def walk(
        self,
        path: str,
        *,
        max_depth: int = 64,
        max_directories: int = 10_000,
        max_entries: int = 50_000,
        follow_links: bool = False,
    ) -> Tree:
        """List a tree, within bounds; depth 0 is the directory's own entries."""
        options = WalkOptions(max_depth, max_directories, max_entries, follow_links)
        tree = await self._call("walk", path, WALK, Walk(_uri("walk", path), options))
        return Tree(
            entries=[TreeEntry(uri_to_path(entry.path), entry.kind) for entry in tree.entries],
            unreadable=[(uri_to_path(error.path), error.message) for error in tree.errors],
            is_truncated=tree.truncated,
        )

    def open(self, path: str) -> Opening[OpenFile]:
        """Open a regular file to read it in pieces, for the `async with` block.

        With `await`, it is open until `close`.
        """
        return Opening(
            lambda: open_file(self._connection, path, _uri("open", path)), OpenFile.close
        )

    async def _call(
        self, operation: str, path: str, method: Method[Params, Result], params: Params
    ) -> Result:
        try:
            return await self._connection.call(method, params)
        except RemoteError as error:
            raise file_error(error, operation, path) from error


def _uri(operation: str, path: str) -> str:
    if "\0" in path:
        raise InvalidPathError(operation, path, "it holds a NUL")
    try:
        return path_to_uri(path)
    except ValueError as error:
        raise InvalidPathError(operation, path, "it is not an absolute path") from error
