"""What a caller is told when the operating system refuses."""

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.core.failure import RpcFailure

# The codes are the dialect's: a plain peer tells a missing path, a forbidden one and a wrong
# argument apart from everything else, and nothing more. The reasons are ours.
_CODES = {
    errno.ENOENT: ErrorCode.NOT_FOUND,
    errno.EACCES: ErrorCode.INVALID_REQUEST,
    errno.EPERM: ErrorCode.INVALID_REQUEST,
    errno.EINVAL: ErrorCode.INVALID_REQUEST,
}
_REASONS = {
    errno.ENOENT: ErrorReason.PATH_NOT_FOUND,
    errno.EACCES: ErrorReason.PATH_FORBIDDEN,
    errno.EPERM: ErrorReason.PATH_FORBIDDEN,
    errno.EROFS: ErrorReason.PATH_FORBIDDEN,
    errno.EEXIST: ErrorReason.PATH_EXISTS,
    errno.ENOTDIR: ErrorReason.NOT_A_DIRECTORY,
    errno.EISDIR: ErrorReason.IS_A_DIRECTORY,
    errno.ENOTEMPTY: ErrorReason.DIRECTORY_NOT_EMPTY,
    errno.ENOSPC: ErrorReason.STORAGE_FULL,
    errno.EDQUOT: ErrorReason.STORAGE_FULL,
    errno.ENAMETOOLONG: ErrorReason.PATH_INVALID,
}


class PartlyWrittenError(OSError):
    """A file that was there before holds only a part of what was to be written to it."""


@contextmanager
def reported(action: str, path: str) -> Generator[None]:
    """Turn an operating-system error of the block into the failure of a request.

    Args:
        action: What was tried, as it goes on after "cannot".
        path: What the failure is about if the error does not name a path itself.

    Raises:
        RpcFailure: The block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise failure_of(error, action, path) from error


def failure_of(error: OSError, action: str, path: str) -> RpcFailure:
    """Return the failure of a request that ended with `error`; see `reported`."""
    # Calls with two paths (symlink) are refused because of the second, which they would create.
    subject = next((name for name in (error.filename2, error.filename) if _is_path(name)), path)
    place = f"{os.fspath(subject)}: " if subject != path else ""
    number = error.errno or 0
    return RpcFailure(
        _CODES.get(number, ErrorCode.INTERNAL),
        _REASONS.get(number, ErrorReason.FILE_OPERATION_FAILED),
        f"cannot {action}: {place}{why(error)}",
        subject=subject,
    )


def why(error: OSError) -> str:
    """Return the operating system's words for an error, as they go on after a colon."""
    text = error.strerror or type(error).__name__
    text = text[:1].lower() + text[1:]
    if isinstance(error, PartlyWrittenError):
        text += "; it now holds only a part of the new content"
    return text


def not_a_file(action: str, path: str) -> RpcFailure:
    """Return the failure of a request that needs a regular file and got something else."""
    return RpcFailure(
        ErrorCode.INVALID_REQUEST,
        ErrorReason.NOT_A_FILE,
        f"cannot {action}: {path} is not a regular file",
        subject=path,
    )


def _is_path(name: object) -> bool:
    return isinstance(name, str) and name.startswith("/")
