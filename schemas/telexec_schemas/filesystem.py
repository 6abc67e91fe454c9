"""Files of the host. Paths are `file://` URIs; `sandbox` is refused unless it is null."""

from collections.abc import Sequence
from typing import Literal

from telexec_schemas.identifiers import HandleId
from telexec_schemas.message import Message
from telexec_schemas.sandbox import Sandbox

MAX_BLOCK_BYTES = 1_048_576
"""The most that `fs/readBlock` gives at once."""


class GetMetadata(Message, frozen=True):
    """Ask what a path is; links are followed."""

    path: str
    sandbox: Sandbox | None = None


class Metadata(Message, frozen=True):
    """What a path is. Times are milliseconds since the epoch; 0 where the host does not know."""

    is_directory: bool
    is_file: bool
    is_symlink: bool
    size: int
    created_at_ms: int
    modified_at_ms: int


class ReadFile(Message, frozen=True):
    """Read a regular file whole."""

    path: str
    sandbox: Sandbox | None = None


class FileContent(Message, frozen=True, rename={"content": "dataBase64"}):
    """The bytes of a file; base64 on the wire."""

    content: bytes


class WriteFile(Message, frozen=True, rename={"content": "dataBase64"}):
    """Make a regular file's content this, creating the file if it is not there."""

    path: str
    content: bytes
    sandbox: Sandbox | None = None


class ReadDirectory(Message, frozen=True):
    """List a directory."""

    path: str
    sandbox: Sandbox | None = None


class DirectoryEntry(Message, frozen=True):
    """A name in a directory, and what it is with links followed."""

    file_name: str
    is_directory: bool
    is_file: bool


class DirectoryListing(Message, frozen=True):
    """The names in a directory, in no order; dangling links are left out."""

    entries: Sequence[DirectoryEntry]


class CreateDirectory(Message, frozen=True):
    """Make a directory; `recursive` (the default) also makes its parents and accepts one there."""

    path: str
    recursive: bool | None = None
    sandbox: Sandbox | None = None


class Canonicalize(Message, frozen=True):
    """Resolve every link of a path."""

    path: str
    sandbox: Sandbox | None = None


class CanonicalPath(Message, frozen=True):
    """A path without links."""

    path: str


class Remove(Message, frozen=True):
    """Remove a file, a link (not what it points at) or a directory.

    `recursive` (default true): with all that is in it. `force` (default true): a path that is not
    there is no error.
    """

    path: str
    recursive: bool | None = None
    force: bool | None = None
    sandbox: Sandbox | None = None


class Copy(Message, frozen=True):
    """Copy a file, a link (as a link) or, if `recursive`, a directory."""

    source_path: str
    destination_path: str
    recursive: bool = False
    sandbox: Sandbox | None = None


class WalkOptions(Message, frozen=True):
    """Bounds of a walk. Depth 0 is the directory's own entries."""

    max_depth: int
    max_directories: int
    max_entries: int
    follow_directory_symlinks: bool = False


class Walk(Message, frozen=True):
    """List a tree, breadth first, sorted by name in each directory."""

    path: str
    options: WalkOptions
    sandbox: Sandbox | None = None


class WalkEntry(Message, frozen=True):
    """A file or directory of a tree."""

    path: str
    kind: Literal["file", "directory"]


class WalkError(Message, frozen=True):
    """A part of a tree that could not be read."""

    path: str
    message: str


class Tree(Message, frozen=True):
    """What a walk found; `truncated` when a bound cut it short."""

    entries: Sequence[WalkEntry]
    errors: Sequence[WalkError]
    truncated: bool


class OpenFile(Message, frozen=True):
    """Open a regular file to read it in blocks under a handle that the client names."""

    handle_id: HandleId
    path: str
    sandbox: Sandbox | None = None


class FileOpened(Message, frozen=True):
    """The file is open."""

    handle_id: HandleId


class ReadBlock(Message, frozen=True, rename={"handle_id": "handleId", "length": "len"}):
    """Read `length` bytes (1 to `MAX_BLOCK_BYTES`) at `offset`."""

    handle_id: HandleId
    offset: int
    length: int


class Block(Message, frozen=True):
    """Bytes of a file. `eof`: nothing follows them."""

    chunk: bytes
    eof: bool


class CloseFile(Message, frozen=True):
    """Give a handle back; an unknown one is no error."""

    handle_id: HandleId
