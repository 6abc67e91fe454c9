import pytest

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.paths import host_path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///", "/"),
        ("file:////", "/"),
        ("file:///a/", "/a"),
        ("file:////a//b///", "/a/b"),
        ("file:///./a/./b/.", "/a/b"),
        ("file:///a/../b", "/a/../b"),
        ("file:///a%20b", "/a b"),
        ("file:///b%FF", "/b\udcff"),
    ],
)
def test_a_uri_is_one_path_however_it_is_spelled(uri: str, path: str) -> None:
    assert host_path(uri) == path


@pytest.mark.parametrize("uri", ["", "/a", "http:///a", "file://", "file:///a%00", "file://?/a"])
def test_a_bad_uri_is_a_wrong_parameter(uri: str) -> None:
    with pytest.raises(RpcFailure) as caught:
        host_path(uri)
    assert caught.value.code is ErrorCode.INVALID_PARAMS
    assert caught.value.reason is ErrorReason.PATH_INVALID
    assert caught.value.subject == uri


@pytest.mark.parametrize("uri", ["file://otherhost/a", "FILE://otherhost"])
def test_a_path_of_another_host_is_a_wrong_request(uri: str) -> None:
    with pytest.raises(RpcFailure) as caught:
        host_path(uri)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.reason is ErrorReason.PATH_INVALID


def test_a_path_that_no_kernel_takes_is_refused_without_being_quoted_at_length() -> None:
    with pytest.raises(RpcFailure) as caught:
        host_path("file:///" + "a" * 1_000_000)
    assert caught.value.reason is ErrorReason.PATH_INVALID
    assert len(caught.value.message) < 200
    assert len(caught.value.subject or "") < 200
