import os
from pathlib import Path

import pytest

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.filesystem import Canonicalize, GetMetadata, Metadata
from telexec_service.filesystem.metadata import canonicalize, get_metadata
from tests.unit.filesystem.calls import LIMITS, refusal, uri


def metadata(path: Path) -> Metadata:
    return get_metadata(GetMetadata(uri(path)), LIMITS)


def test_a_file_has_its_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"hello")
    os.utime(file, ns=(0, 1_234_567_890_123_999_999))
    assert metadata(file) == Metadata(
        is_directory=False,
        is_file=True,
        is_symlink=False,
        size=5,
        created_at_ms=0,
        modified_at_ms=1_234_567_890_123,
    )


def test_a_time_before_1970_is_unknown(tmp_path: Path) -> None:
    os.utime(tmp_path, (-5, -5))
    assert metadata(tmp_path).modified_at_ms == 0


def test_a_directory_is_one(tmp_path: Path) -> None:
    found = metadata(tmp_path)
    assert (found.is_directory, found.is_file, found.is_symlink) == (True, False, False)


def test_a_link_is_what_it_leads_to_and_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    (tmp_path / "to-file").symlink_to("file")
    (tmp_path / "to-directory").symlink_to(".")
    to_file, to_directory = metadata(tmp_path / "to-file"), metadata(tmp_path / "to-directory")
    assert (to_file.is_file, to_file.is_symlink, to_file.size) == (True, True, 5)
    assert (to_directory.is_directory, to_directory.is_symlink) == (True, True)


def test_a_fifo_is_neither_file_nor_directory(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    found = metadata(tmp_path / "fifo")
    assert (found.is_directory, found.is_file, found.is_symlink) == (False, False, False)


@pytest.mark.parametrize("name", ["missing", "dangling", "missing/below"])
def test_what_is_not_there_is_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    failure = refusal(get_metadata, GetMetadata(uri(tmp_path / name)))
    assert (failure.code, failure.reason) == (ErrorCode.NOT_FOUND, ErrorReason.PATH_NOT_FOUND)
    assert failure.subject == str(tmp_path / name)
    assert failure.message.endswith("no such file or directory")


def test_a_file_is_no_directory_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failure = refusal(get_metadata, GetMetadata(uri(tmp_path / "file" / "below")))
    assert (failure.code, failure.reason) == (ErrorCode.INTERNAL, ErrorReason.NOT_A_DIRECTORY)


def test_a_link_to_itself_is_an_error_and_no_loop(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert refusal(get_metadata, GetMetadata(uri(tmp_path / "loop"))).code is ErrorCode.INTERNAL
    assert refusal(canonicalize, Canonicalize(uri(tmp_path / "loop"))).code is ErrorCode.INTERNAL


def test_what_permissions_hide_is_forbidden(unprivileged: Path) -> None:
    (unprivileged / "closed").mkdir(0o000)
    failure = refusal(get_metadata, GetMetadata(uri(unprivileged / "closed" / "file")))
    assert failure.code is ErrorCode.INVALID_REQUEST
    assert failure.reason is ErrorReason.PATH_FORBIDDEN


def test_a_canonical_path_has_no_links_and_no_dots(tmp_path: Path) -> None:
    real = tmp_path.resolve()
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("far/deep")
    resolved = canonicalize(Canonicalize(uri(tmp_path / "link") + "/../deep/."), LIMITS)
    assert resolved.path == uri(real / "far" / "deep")


def test_a_canonical_path_keeps_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path.resolve()), b"b\xff")
    os.mkdir(path)
    assert canonicalize(Canonicalize(uri(path)), LIMITS).path == uri(path)
    assert uri(path).endswith("/b%FF")


def test_the_parent_of_a_file_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failure = refusal(canonicalize, Canonicalize(uri(tmp_path / "file") + "/.."))
    assert failure.reason is ErrorReason.NOT_A_DIRECTORY


@pytest.mark.parametrize("name", ["missing", "dangling", "missing/.."])
def test_what_is_not_there_has_no_canonical_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    failure = refusal(canonicalize, Canonicalize(uri(tmp_path) + "/" + name))
    assert failure.code is ErrorCode.NOT_FOUND
