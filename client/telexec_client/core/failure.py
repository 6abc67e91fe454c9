"""What an error on the wire means, as a type that a caller can handle."""

import re
from collections.abc import Mapping

import msgspec

from telexec_client.errors import (
    DirectoryNotEmptyError,
    EnvironmentRefusedError,
    FileAlreadyThereError,
    FileError,
    FileForbiddenError,
    FileKindError,
    FileMissingError,
    HandshakeError,
    HostRestartedError,
    InvalidPathError,
    PolicyRefusedError,
    ProfileUnknownError,
    ProgramNotExecutableError,
    ProgramNotFoundError,
    RemoteError,
    SandboxUnavailableError,
    SessionInUseError,
    SessionLostError,
    SessionNameTakenError,
    SessionNotFoundError,
    SessionTakenOverError,
    StartError,
    StorageFullError,
    TelexecError,
    WorkingDirectoryError,
)
from telexec_schemas.errors import ErrorCode, ErrorData, ErrorReason, WireError

_START_ERRORS: Mapping[str, type[StartError]] = {
    ErrorReason.PROGRAM_NOT_FOUND: ProgramNotFoundError,
    ErrorReason.PROGRAM_NOT_EXECUTABLE: ProgramNotExecutableError,
    ErrorReason.CWD_NOT_FOUND: WorkingDirectoryError,
    ErrorReason.CWD_NOT_DIRECTORY: WorkingDirectoryError,
    ErrorReason.CWD_FORBIDDEN: WorkingDirectoryError,
    ErrorReason.ENVIRONMENT_INVALID: EnvironmentRefusedError,
    ErrorReason.ENVIRONMENT_REFUSED: EnvironmentRefusedError,
    ErrorReason.POLICY_REFUSED: PolicyRefusedError,
    ErrorReason.PROFILE_UNKNOWN: ProfileUnknownError,
    ErrorReason.SANDBOX_UNAVAILABLE: SandboxUnavailableError,
    ErrorReason.ARGUMENTS_INVALID: StartError,
    ErrorReason.SPAWN_FAILED: StartError,
    ErrorReason.LIMIT_REACHED: StartError,
    ErrorReason.AUDIT_UNAVAILABLE: StartError,
    ErrorReason.SHUTTING_DOWN: StartError,
}

_FILE_ERRORS: Mapping[str, type[FileError]] = {
    ErrorReason.PATH_INVALID: InvalidPathError,
    ErrorReason.PATH_NOT_FOUND: FileMissingError,
    ErrorReason.PATH_EXISTS: FileAlreadyThereError,
    ErrorReason.PATH_FORBIDDEN: FileForbiddenError,
    ErrorReason.NOT_A_FILE: FileKindError,
    ErrorReason.NOT_A_DIRECTORY: FileKindError,
    ErrorReason.IS_A_DIRECTORY: FileKindError,
    ErrorReason.DIRECTORY_NOT_EMPTY: DirectoryNotEmptyError,
    ErrorReason.STORAGE_FULL: StorageFullError,
    ErrorReason.COPY_INTO_ITSELF: FileError,
    ErrorReason.FILE_OPERATION_FAILED: FileError,
    ErrorReason.SANDBOX_UNAVAILABLE: FileError,
    ErrorReason.LIMIT_REACHED: FileError,
    ErrorReason.AUDIT_UNAVAILABLE: FileError,
}

_OPENING_ERRORS: Mapping[str, type[HandshakeError]] = {
    ErrorReason.SESSION_NAME_TAKEN: SessionNameTakenError,
    ErrorReason.SESSION_UNKNOWN: SessionNotFoundError,
}

_LOSSES: Mapping[str, type[SessionLostError]] = {
    ErrorReason.SESSION_TAKEN_OVER: SessionTakenOverError,
    ErrorReason.HOST_RESTARTED: HostRestartedError,
}

_START_PREFIX = re.compile(r"^cannot start process '\w+': ")

# A peer without extensions gives no reason, but the number of the system call's error (errno(3)).
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_ENOENT, _EACCES, _EEXIST, _ENOTDIR, _EISDIR, _ENOSPC, _ENOTEMPTY = 2, 13, 17, 20, 21, 28, 39
_EPERM, _E2BIG, _ENOEXEC = 1, 7, 8

_START_OS_ERRORS: Mapping[int, type[StartError]] = {
    # It may as well be the directory that is missing: the peer does not tell.
    _ENOENT: ProgramNotFoundError,
    _EACCES: ProgramNotExecutableError,
    _EPERM: ProgramNotExecutableError,
    _ENOEXEC: ProgramNotExecutableError,
    _ENOTDIR: WorkingDirectoryError,
    _E2BIG: StartError,
}

_FILE_OS_ERRORS: Mapping[int, type[FileError]] = {
    _ENOENT: FileMissingError,
    _EACCES: FileForbiddenError,
    _EPERM: FileForbiddenError,
    _EEXIST: FileAlreadyThereError,
    _ENOTDIR: FileKindError,
    _EISDIR: FileKindError,
    _ENOTEMPTY: DirectoryNotEmptyError,
    _ENOSPC: StorageFullError,
}


def remote_error(method: str, error: WireError) -> RemoteError:
    """Return the error of a call as it is on the wire."""
    data = _error_data(error)
    if data is None:
        return RemoteError(method, error.code, error.message)
    return RemoteError(
        method,
        error.code,
        error.message,
        reason=data.reason,
        subject=data.subject,
        limit=data.limit,
        refused=data.refused,
        accepted=data.accepted,
    )


def start_error(error: RemoteError, program: str | None) -> TelexecError:
    """Return what a refused start means; the error itself if it says nothing more.

    `program` is `None` if it was only asked which environment a start would get.
    """
    kind = _START_ERRORS.get(error.reason) if error.reason else _plain_start_error(error)
    if kind is None:
        return error
    # What the error itself says already need not be said again; nobody knows the process's id yet.
    why = _START_PREFIX.sub("", error.text.removeprefix(f"cannot start {program!r}: "))
    if issubclass(kind, EnvironmentRefusedError):
        accepted = "; ".join(error.accepted) or None
        return kind(program, why, refused=error.refused, accepted=accepted)
    if issubclass(kind, ProfileUnknownError | PolicyRefusedError):
        return kind(program, why, profiles=error.accepted)
    return kind(program, why)


def file_error(error: RemoteError, operation: str, path: str) -> TelexecError:
    """Return what a failed file operation means; the error itself if it says nothing more."""
    kind = _FILE_ERRORS.get(error.reason) if error.reason else _plain_file_error(error)
    return kind(operation, path, error.text) if kind else error


def opening_error(error: RemoteError, address: str) -> HandshakeError:
    """Return what a refused `initialize` means."""
    kind = _OPENING_ERRORS.get(error.reason or "", HandshakeError)
    if says_attached(error):
        kind = SessionInUseError
    return kind(address, error.text)


def loss(error: RemoteError) -> SessionLostError:
    """Return what it means that a session cannot be resumed."""
    return _LOSSES.get(error.reason or "", SessionLostError)(error.text)


def says_process_exists(error: RemoteError) -> bool:
    """Tell whether a start was refused because its process id is taken."""
    if error.reason is not None:
        return error.reason == ErrorReason.PROCESS_EXISTS
    return error.code == ErrorCode.INVALID_REQUEST and error.text.endswith("already exists")


def says_process_unknown(error: RemoteError) -> bool:
    """Tell whether a request was refused because there is no such process."""
    if error.reason is not None:
        return error.reason == ErrorReason.PROCESS_UNKNOWN
    return error.code == ErrorCode.INVALID_REQUEST and error.text.startswith("unknown process id")


def says_session_unknown(error: RemoteError) -> bool:
    """Tell whether a request was refused because there is no such session."""
    return error.reason == ErrorReason.SESSION_UNKNOWN


def says_session_elsewhere(error: RemoteError) -> bool:
    """Tell whether a request was refused because another worker may have the session."""
    return error.reason == ErrorReason.SESSION_ELSEWHERE


def says_attached(error: RemoteError) -> bool:
    """Tell whether a session cannot be resumed only because the host still has its connection."""
    return error.code == ErrorCode.SESSION_ATTACHED


def _error_data(error: WireError) -> ErrorData | None:
    if isinstance(error.data, msgspec.UnsetType):
        return None
    try:
        return msgspec.json.decode(error.data, type=ErrorData)
    except msgspec.ValidationError:
        return None


def _os_error(text: str) -> int | None:
    found = _OS_ERROR.search(text)
    return int(found[1]) if found else None


def _plain_start_error(error: RemoteError) -> type[StartError] | None:
    number = _os_error(error.text)
    if number is not None:
        return _START_OS_ERRORS.get(number, StartError)
    if error.code == ErrorCode.INTERNAL:
        return StartError
    return None


def _plain_file_error(error: RemoteError) -> type[FileError] | None:
    number = _os_error(error.text)
    if number is not None:
        return _FILE_OS_ERRORS.get(number, FileError)
    if error.code == ErrorCode.NOT_FOUND:
        return FileMissingError
    if error.code == ErrorCode.INVALID_REQUEST:
        return FileKindError if "is not a file" in error.text else FileError
    if error.code == ErrorCode.INTERNAL:
        return FileError
    return None
