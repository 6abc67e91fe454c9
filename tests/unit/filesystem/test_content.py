import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.filesystem import ReadFile, WriteFile
from telexec_service.config import FileLimits
from telexec_service.filesystem.content import read_file, write_file
from tests.unit.filesystem.calls import LIMITS, refusal, uri


def read(path: str | bytes | Path, limits: FileLimits = LIMITS) -> bytes:
    return read_file(ReadFile(uri(path)), limits).content


def write(path: str | bytes | Path, content: bytes) -> None:
    write_file(WriteFile(uri(path), content), LIMITS)


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """Make writing fail in the middle, like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size_bytes", [0, 1, 65_535, 65_536, 65_537, 3_000_000])
def test_a_file_is_read_whole(tmp_path: Path, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    (tmp_path / "file").write_bytes(content)
    assert read(tmp_path / "file") == content


def test_a_file_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    (tmp_path / "link").symlink_to("file")
    assert read(tmp_path / "link") == b"hello"


def test_a_file_whose_name_is_not_utf8_is_read_and_written(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"b\xff")
    write(path, b"hello")
    assert read(path) == b"hello"
    assert os.listdir(os.fsencode(tmp_path)) == [b"b\xff"]


def test_a_file_of_proc_which_has_no_size_is_read_whole() -> None:
    assert read("/proc/sys/kernel/ostype") == b"Linux\n"


def test_a_file_of_exactly_the_limit_is_read_and_a_larger_one_is_refused(tmp_path: Path) -> None:
    limits = FileLimits(max_file_bytes=100_000)
    (tmp_path / "fits").write_bytes(b"x" * 100_000)
    (tmp_path / "larger").write_bytes(b"x" * 100_001)
    assert read(tmp_path / "fits", limits) == b"x" * 100_000
    failure = refusal(read_file, ReadFile(uri(tmp_path / "larger")), limits)
    assert (failure.code, failure.reason) == (
        ErrorCode.INVALID_REQUEST,
        ErrorReason.LIMIT_REACHED,
    )
    assert (failure.subject, failure.limit) == ("max_file_bytes", 100_000)
    assert "fs/open" in failure.message


def test_a_file_without_a_size_is_limited_as_well() -> None:
    failure = refusal(
        read_file, ReadFile(uri("/proc/sys/kernel/ostype")), FileLimits(max_file_bytes=5)
    )
    assert failure.reason is ErrorReason.LIMIT_REACHED


@pytest.mark.parametrize("kind", ["directory", "fifo", "socket", "device"])
def test_only_regular_files_are_read_and_nothing_blocks(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    else:
        path = Path("/dev/zero")
    failure = refusal(read_file, ReadFile(uri(path)))
    assert (failure.code, failure.reason) == (ErrorCode.INVALID_REQUEST, ErrorReason.NOT_A_FILE)


@pytest.mark.parametrize("function", [read_file, write_file])
def test_a_missing_directory_is_not_found(tmp_path: Path, function: object) -> None:
    path = uri(tmp_path / "missing" / "file")
    if function is read_file:
        failure = refusal(read_file, ReadFile(path))
    else:
        failure = refusal(write_file, WriteFile(path, b""))
    assert failure.code is ErrorCode.NOT_FOUND


def test_what_permissions_forbid_is_forbidden(unprivileged: Path) -> None:
    closed = unprivileged / "closed"
    closed.touch(0o000)
    for failure in (
        refusal(read_file, ReadFile(uri(closed))),
        refusal(write_file, WriteFile(uri(closed), b"")),
        refusal(write_file, WriteFile(uri("/proc/version"), b"")),
    ):
        assert failure.reason is ErrorReason.PATH_FORBIDDEN


def test_a_new_file_gets_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "file", b"hello")
    finally:
        os.umask(before)
    assert (tmp_path / "file").read_bytes() == b"hello"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("content", [b"", b"short", b"longer than what was there before"])
def test_a_file_that_is_there_keeps_inode_mode_and_names(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"what was there")
    file.chmod(0o751)
    (tmp_path / "other-name").hardlink_to(file)
    before = file.stat()
    write(file, content)
    assert file.read_bytes() == content
    assert (tmp_path / "other-name").read_bytes() == content
    assert (file.stat().st_ino, file.stat().st_mode) == (before.st_ino, before.st_mode)


def test_writing_goes_through_a_link_also_to_what_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("new")
    write(tmp_path / "link", b"through")
    write(tmp_path / "dangling", b"made")
    assert (tmp_path / "file").read_bytes() == b"through"
    assert (tmp_path / "new").read_bytes() == b"made"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "dangling").is_symlink()


@pytest.mark.parametrize("path", ["fifo", "/dev/null", "/dev/full"])
def test_only_regular_files_are_written_and_nothing_blocks(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    failure = refusal(write_file, WriteFile(uri(tmp_path / path), b"hello"))
    assert (failure.code, failure.reason) == (ErrorCode.INVALID_REQUEST, ErrorReason.NOT_A_FILE)


def test_a_directory_cannot_be_written(tmp_path: Path) -> None:
    failure = refusal(write_file, WriteFile(uri(tmp_path), b"hello"))
    assert (failure.code, failure.reason) == (ErrorCode.INTERNAL, ErrorReason.IS_A_DIRECTORY)


def test_a_name_that_is_too_long_is_an_invalid_path(tmp_path: Path) -> None:
    failure = refusal(write_file, WriteFile(uri(tmp_path / ("n" * 300)), b""))
    assert (failure.code, failure.reason) == (ErrorCode.INTERNAL, ErrorReason.PATH_INVALID)


def test_a_new_file_that_does_not_fit_is_not_left_behind(tmp_path: Path) -> None:
    with files_no_larger_than(10_000):
        failure = refusal(write_file, WriteFile(uri(tmp_path / "file"), b"x" * 20_000))
    assert failure.code is ErrorCode.INTERNAL
    assert "part" not in failure.message
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_there_keeps_its_content_when_the_new_one_does_not_fit(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_bytes(b"precious")
    with files_no_larger_than(10_000):
        failure = refusal(write_file, WriteFile(uri(tmp_path / "file"), b"x" * 20_000))
    assert failure.code is ErrorCode.INTERNAL
    assert "part" not in failure.message
    assert (tmp_path / "file").read_bytes() == b"precious"


def test_a_file_that_could_only_be_written_in_part_is_said_to_be_so(tmp_path: Path) -> None:
    # Larger before, so that no room is reserved.
    (tmp_path / "file").write_bytes(b"y" * 30_000)
    with files_no_larger_than(10_000):
        failure = refusal(write_file, WriteFile(uri(tmp_path / "file"), b"x" * 20_000))
    assert "only a part of the new content" in failure.message
    assert (tmp_path / "file").read_bytes() == b"x" * 10_000
