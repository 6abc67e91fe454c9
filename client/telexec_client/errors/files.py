"""Errors of files on the host."""

from telexec_client.errors.base import TelexecError


class FileError(TelexecError):
    """A file operation failed.

    Attributes:
        path: The path on the host.
    """

    def __init__(self, operation: str, path: str, why: str) -> None:
        super().__init__(f"cannot {operation} {path!r}: {why}")
        self.path = path


class InvalidPathError(FileError):
    """The path is not one that the host can have; paths are absolute."""


class FileMissingError(FileError):
    """There is nothing at the path."""


class FileAlreadyThereError(FileError):
    """There is something at the path already."""


class FileForbiddenError(FileError):
    """The user that the service runs as may not do this."""


class FileKindError(FileError):
    """What is at the path is a directory where a file is needed, a file for a directory, …."""


class DirectoryNotEmptyError(FileError):
    """The directory still holds something."""


class StorageFullError(FileError):
    """The host has no room left."""
