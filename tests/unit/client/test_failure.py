import msgspec
import pytest

from telexec_client import errors
from telexec_client.core.failure import (
    file_error,
    remote_error,
    says_process_exists,
    says_process_unknown,
    start_error,
)
from telexec_schemas.environment import RuledVariable
from telexec_schemas.errors import ErrorData, ErrorReason, WireError


def of_us(reason: str, code: int = -32603, text: str = "cannot do it") -> errors.RemoteError:
    data = msgspec.Raw(msgspec.json.encode(ErrorData(reason, subject="/x", limit=5)))
    return remote_error("method", WireError(code, text, data))


def of_a_plain_peer(code: int, text: str) -> errors.RemoteError:
    return remote_error("method", WireError(code, text))


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (ErrorReason.PROGRAM_NOT_FOUND, errors.ProgramNotFoundError),
        (ErrorReason.PROGRAM_NOT_EXECUTABLE, errors.ProgramNotExecutableError),
        (ErrorReason.CWD_NOT_FOUND, errors.WorkingDirectoryError),
        (ErrorReason.CWD_NOT_DIRECTORY, errors.WorkingDirectoryError),
        (ErrorReason.CWD_FORBIDDEN, errors.WorkingDirectoryError),
        (ErrorReason.ENVIRONMENT_INVALID, errors.EnvironmentRefusedError),
        (ErrorReason.ENVIRONMENT_REFUSED, errors.EnvironmentRefusedError),
        (ErrorReason.POLICY_REFUSED, errors.PolicyRefusedError),
        (ErrorReason.PROFILE_UNKNOWN, errors.ProfileUnknownError),
        (ErrorReason.SANDBOX_UNAVAILABLE, errors.SandboxUnavailableError),
        (ErrorReason.SPAWN_FAILED, errors.StartError),
        ("aReasonOfTomorrow", errors.RemoteError),
    ],
)
def test_a_refused_start_has_the_type_of_its_reason(
    reason: str, kind: type[errors.TelexecError]
) -> None:
    assert type(start_error(of_us(reason), "prog")) is kind


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (-32603, "No such file or directory (os error 2)", errors.ProgramNotFoundError),
        (-32603, "Permission denied (os error 13)", errors.ProgramNotExecutableError),
        (-32603, "Exec format error (os error 8)", errors.ProgramNotExecutableError),
        (-32603, "Not a directory (os error 20)", errors.WorkingDirectoryError),
        (-32603, "Argument list too long (os error 7)", errors.StartError),
        (-32603, "nul byte found in provided data", errors.StartError),
        (-32600, "process p1 already exists", errors.RemoteError),
    ],
)
def test_a_start_refused_by_a_plain_peer_has_the_type_of_its_system_error(
    code: int, text: str, kind: type[errors.TelexecError]
) -> None:
    error = start_error(of_a_plain_peer(code, text), "prog")
    assert type(error) is kind
    assert text in str(error)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (ErrorReason.PATH_INVALID, errors.InvalidPathError),
        (ErrorReason.PATH_NOT_FOUND, errors.FileMissingError),
        (ErrorReason.PATH_EXISTS, errors.FileAlreadyThereError),
        (ErrorReason.PATH_FORBIDDEN, errors.FileForbiddenError),
        (ErrorReason.NOT_A_FILE, errors.FileKindError),
        (ErrorReason.NOT_A_DIRECTORY, errors.FileKindError),
        (ErrorReason.IS_A_DIRECTORY, errors.FileKindError),
        (ErrorReason.DIRECTORY_NOT_EMPTY, errors.DirectoryNotEmptyError),
        (ErrorReason.STORAGE_FULL, errors.StorageFullError),
        (ErrorReason.FILE_OPERATION_FAILED, errors.FileError),
        (ErrorReason.HANDLE_UNKNOWN, errors.RemoteError),
    ],
)
def test_a_failed_file_operation_has_the_type_of_its_reason(
    reason: str, kind: type[errors.TelexecError]
) -> None:
    assert type(file_error(of_us(reason), "read", "/x")) is kind


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (-32004, "No such file or directory (os error 2)", errors.FileMissingError),
        (-32603, "File exists (os error 17)", errors.FileAlreadyThereError),
        (-32603, "Is a directory (os error 21)", errors.FileKindError),
        (-32603, "Directory not empty (os error 39)", errors.DirectoryNotEmptyError),
        (-32600, "path `/x` is not a file", errors.FileKindError),
        (-32600, "fs/copy requires recursive: true", errors.FileError),
        (-32602, "missing field `path`", errors.RemoteError),
    ],
)
def test_a_file_operation_failed_at_a_plain_peer_has_the_type_of_its_system_error(
    code: int, text: str, kind: type[errors.TelexecError]
) -> None:
    assert type(file_error(of_a_plain_peer(code, text), "read", "/x")) is kind


def test_what_a_service_says_of_an_error_can_be_read_by_a_program() -> None:
    error = of_us(ErrorReason.LIMIT_REACHED, text="too many")
    assert (error.code, error.text, error.reason, error.subject, error.limit) == (
        -32603,
        "too many",
        "limitReached",
        "/x",
        5,
    )


@pytest.mark.parametrize("data", [b"null", b"5", b'"text"', b"[]", b'{"reason": 1}', b"{}"])
def test_data_of_another_shape_is_no_reason(data: bytes) -> None:
    error = remote_error("method", WireError(-1, "text", msgspec.Raw(data)))
    assert error.reason is None


def test_a_refused_environment_lists_every_variable_and_what_the_host_takes() -> None:
    refused = [RuledVariable("LD_X", "deny @loader LD_*"), RuledVariable("PS4", "deny @shell PS4")]
    data = ErrorData(
        ErrorReason.ENVIRONMENT_REFUSED, "LD_X", refused=refused, accepted=["names like A*"]
    )
    raw = msgspec.Raw(msgspec.json.encode(data))
    error = start_error(remote_error("method", WireError(-32602, "cannot set", raw)), "prog")
    assert isinstance(error, errors.EnvironmentRefusedError)
    assert (error.program, error.refused, error.accepted) == (
        "prog",
        tuple(refused),
        "names like A*",
    )


@pytest.mark.parametrize("reason", [ErrorReason.PROFILE_UNKNOWN, ErrorReason.POLICY_REFUSED])
def test_a_profile_or_policy_that_is_refused_names_the_profiles_there_are(reason: str) -> None:
    raw = msgspec.Raw(msgspec.json.encode(ErrorData(reason, accepted=["default", "ci"])))
    remote = remote_error("method", WireError(-32602, "cannot", raw))
    for program, text in (("prog", "cannot start 'prog'"), (None, "cannot explain the env")):
        error = start_error(remote, program)
        assert isinstance(error, errors.ProfileUnknownError | errors.PolicyRefusedError)
        assert (error.program, error.profiles) == (program, ("default", "ci"))
        assert str(error).startswith(text)


def test_what_cannot_be_started_is_said_once() -> None:
    refused = of_us(ErrorReason.SPAWN_FAILED, text="cannot start 'prog': Argument list too long")
    assert str(start_error(refused, "prog")) == "cannot start 'prog': Argument list too long"
    full = of_us(ErrorReason.LIMIT_REACHED, text="cannot start process '6313f449': 40 run (most)")
    assert str(start_error(full, "prog")) == "cannot start 'prog': 40 run (most)"


def test_an_id_that_is_taken_and_one_that_is_unknown_are_told_apart() -> None:
    exists = of_a_plain_peer(-32600, "process p1 already exists")
    unknown = of_a_plain_peer(-32600, "unknown process id p1")
    assert (says_process_exists(exists), says_process_unknown(exists)) == (True, False)
    assert (says_process_exists(unknown), says_process_unknown(unknown)) == (False, True)
    assert says_process_exists(of_us(ErrorReason.PROCESS_EXISTS))
    assert says_process_unknown(of_us(ErrorReason.PROCESS_UNKNOWN))


def test_every_error_says_what_cannot_be_done() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.TelexecError)
    assert str(of_us(ErrorReason.INTERNAL)).startswith("cannot ")
    assert str(start_error(of_us(ErrorReason.SPAWN_FAILED), "prog")).startswith("cannot start")
    assert str(errors.UnsupportedError("fly")).startswith("cannot fly")
