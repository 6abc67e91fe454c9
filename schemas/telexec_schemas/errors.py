"""Error codes and reasons: stable on the wire, so that a program can act on them."""

from collections.abc import Sequence
from enum import IntEnum, StrEnum

import msgspec

from telexec_schemas.environment import RuledVariable
from telexec_schemas.message import Message


class ErrorCode(IntEnum):
    """The `code` of an error, as the exec-server dialect has them."""

    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL = -32603
    NOT_FOUND = -32004
    SESSION_ATTACHED = -32010


class ErrorReason(StrEnum):
    """The `data.reason` of an error: what a caller would handle differently from the others."""

    MALFORMED_FRAME = "malformedFrame"
    METHOD_UNKNOWN = "methodUnknown"
    PARAMS_INVALID = "paramsInvalid"
    NOT_INITIALIZED = "notInitialized"
    ALREADY_INITIALIZED = "alreadyInitialized"
    SESSION_UNKNOWN = "sessionUnknown"
    SESSION_ELSEWHERE = "sessionElsewhere"
    SESSION_ATTACHED = "sessionAttached"
    SESSION_NAME_TAKEN = "sessionNameTaken"
    SESSION_TAKEN_OVER = "sessionTakenOver"
    SESSION_ENDED = "sessionEnded"
    HOST_RESTARTED = "hostRestarted"
    CAPABILITY_MISSING = "capabilityMissing"
    READ_ONLY = "readOnly"
    PROCESS_EXISTS = "processExists"
    PROCESS_UNKNOWN = "processUnknown"
    PROGRAM_NOT_FOUND = "programNotFound"
    PROGRAM_NOT_EXECUTABLE = "programNotExecutable"
    CWD_NOT_FOUND = "cwdNotFound"
    CWD_NOT_DIRECTORY = "cwdNotDirectory"
    CWD_FORBIDDEN = "cwdForbidden"
    ENVIRONMENT_INVALID = "environmentInvalid"
    ENVIRONMENT_REFUSED = "environmentRefused"
    POLICY_REFUSED = "policyRefused"
    PROFILE_UNKNOWN = "profileUnknown"
    ARGUMENTS_INVALID = "argumentsInvalid"
    SPAWN_FAILED = "spawnFailed"
    SANDBOX_UNAVAILABLE = "sandboxUnavailable"
    PATH_INVALID = "pathInvalid"
    PATH_NOT_FOUND = "pathNotFound"
    PATH_EXISTS = "pathExists"
    PATH_FORBIDDEN = "pathForbidden"
    NOT_A_FILE = "notAFile"
    NOT_A_DIRECTORY = "notADirectory"
    IS_A_DIRECTORY = "isADirectory"
    DIRECTORY_NOT_EMPTY = "directoryNotEmpty"
    COPY_INTO_ITSELF = "copyIntoItself"
    STORAGE_FULL = "storageFull"
    FILE_OPERATION_FAILED = "fileOperationFailed"
    HANDLE_EXISTS = "handleExists"
    HANDLE_UNKNOWN = "handleUnknown"
    LIMIT_REACHED = "limitReached"
    AUDIT_UNAVAILABLE = "auditUnavailable"
    SHUTTING_DOWN = "shuttingDown"
    INTERNAL = "internal"


class ErrorData(Message, frozen=True, omit_defaults=True):
    """What a program needs of an error.

    `reason` is one of `ErrorReason`, as a string so that a reason of a newer peer still decodes.
    `subject` is the path, program, name or id that the error is about; `limit` is the number that
    was reached, in the unit of the limit that `subject` names. `refused` are the variables that the
    host does not take from a request, `accepted` are the names that it would take instead (of
    profiles), or what it takes in words (of variables). `differing` are the parameters of a start
    that are not those of the process that has its id.
    """

    reason: str
    subject: str | None = None
    limit: int | None = None
    refused: Sequence[RuledVariable] = ()
    accepted: Sequence[str] = ()
    differing: Sequence[str] = ()


class WireError(Message, frozen=True, omit_defaults=True):
    """The `error` of an answer. `data` is ours; a peer's may be anything, or missing."""

    code: int
    message: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
