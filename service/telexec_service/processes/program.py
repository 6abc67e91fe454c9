"""Finding the file that a program's name stands for."""

import os
import stat
from collections.abc import Mapping

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.core.failure import RpcFailure


def find_program(name: str, environment: Mapping[str, str], fallback_path: str) -> str:
    """Return the file to execute, looked up as execvp(3) does, in the child's PATH.

    A path is returned as it is: whether it can be executed is seen when it is; if not,
    `check_executable` says why. Call it in the child's working directory: relative names and PATH
    entries are relative to it.

    Args:
        name: The program; with a slash it is a path and is not looked up.
        environment: The child's.
        fallback_path: The PATH for a child that has none.

    Raises:
        RpcFailure: A name stands for no file, or only for directories or what is not executable.
    """
    if "/" in name:
        return name
    path = environment.get("PATH", fallback_path)
    candidates = [os.path.join(it or ".", name) for it in path.split(os.pathsep)] if name else []
    for candidate in candidates:
        # Mostly it is not there: the cheapest question first.
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    for candidate in candidates:
        try:
            check_executable(candidate)
        except RpcFailure as failure:
            if failure.reason is ErrorReason.PROGRAM_NOT_EXECUTABLE:
                raise
    raise not_found(name, f"it is in no directory of PATH ({path})")


def not_found(name: str, why: str) -> RpcFailure:
    """Return the failure of a start whose program is not there."""
    return RpcFailure(
        ErrorCode.INTERNAL,
        ErrorReason.PROGRAM_NOT_FOUND,
        f"cannot find the program {name!r}: {why}",
        subject=name,
    )


def not_executable(name: str, why: str) -> RpcFailure:
    """Return the failure of a start whose program is there but cannot be executed."""
    return RpcFailure(
        ErrorCode.INTERNAL,
        ErrorReason.PROGRAM_NOT_EXECUTABLE,
        f"cannot execute {name!r}: {why}",
        subject=name,
    )


def check_executable(file: str) -> None:
    """Raise what keeps a file from being executed, as far as can be seen without trying.

    Raises:
        RpcFailure: There is no such file, or it is a directory or not executable.
    """
    try:
        mode = os.stat(file).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise not_found(file, "no such file") from error
    except OSError as error:
        raise not_executable(file, os.strerror(error.errno or 0).lower()) from error
    if stat.S_ISDIR(mode):
        raise not_executable(file, "it is a directory")
    if not os.access(file, os.X_OK):
        raise not_executable(file, "permission denied")
