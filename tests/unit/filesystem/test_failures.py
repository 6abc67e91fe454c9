import errno

import pytest

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.failures import failure_of, reported


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (errno.ENOENT, ErrorCode.NOT_FOUND, ErrorReason.PATH_NOT_FOUND),
        (errno.EACCES, ErrorCode.INVALID_REQUEST, ErrorReason.PATH_FORBIDDEN),
        (errno.EPERM, ErrorCode.INVALID_REQUEST, ErrorReason.PATH_FORBIDDEN),
        (errno.EROFS, ErrorCode.INTERNAL, ErrorReason.PATH_FORBIDDEN),
        (errno.EEXIST, ErrorCode.INTERNAL, ErrorReason.PATH_EXISTS),
        (errno.ENOTDIR, ErrorCode.INTERNAL, ErrorReason.NOT_A_DIRECTORY),
        (errno.EISDIR, ErrorCode.INTERNAL, ErrorReason.IS_A_DIRECTORY),
        (errno.ENOTEMPTY, ErrorCode.INTERNAL, ErrorReason.DIRECTORY_NOT_EMPTY),
        (errno.ENOSPC, ErrorCode.INTERNAL, ErrorReason.STORAGE_FULL),
        (errno.EDQUOT, ErrorCode.INTERNAL, ErrorReason.STORAGE_FULL),
        (errno.ELOOP, ErrorCode.INTERNAL, ErrorReason.FILE_OPERATION_FAILED),
        (errno.EIO, ErrorCode.INTERNAL, ErrorReason.FILE_OPERATION_FAILED),
    ],
)
def test_what_the_kernel_says_has_a_code_and_a_reason(
    number: int, code: ErrorCode, reason: ErrorReason
) -> None:
    failure = failure_of(OSError(number, "Words of the Kernel"), "read /a", "/a")
    assert (failure.code, failure.reason, failure.subject) == (code, reason, "/a")
    assert failure.message == "cannot read /a: words of the Kernel"


def test_a_failure_deeper_down_names_the_path_that_failed() -> None:
    failure = failure_of(OSError(errno.EIO, "No luck", "/a/b"), "remove /a", "/a")
    assert failure.subject == "/a/b"
    assert failure.message == "cannot remove /a: /a/b: no luck"


def test_a_failure_is_chained_to_what_caused_it() -> None:
    cause = OSError(errno.EIO, "No luck")
    with pytest.raises(RpcFailure) as caught, reported("read /a", "/a"):
        raise cause
    assert caught.value.__cause__ is cause


def test_a_failure_about_a_name_that_is_not_utf8_can_travel() -> None:
    failure = failure_of(OSError(errno.ENOENT, "No such file"), "read /b\udcff", "/b\udcff")
    assert "\\udcff" in failure.to_wire().message
