import os
import stat
from pathlib import Path

import pytest

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.filesystem import Copy
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.checkpoint import StopFlag
from telexec_service.filesystem.copying import copy
from tests.unit.filesystem.calls import LIMITS, refusal, uri


def request(source: str | Path, destination: str | Path, *, recursive: bool = False) -> Copy:
    return Copy(uri(source), uri(destination), recursive)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a tree with a file, a directory in it and a link."""
    tree = tmp_path / "source"
    (tree / "inner").mkdir(parents=True)
    (tree / "file").write_bytes(b"content")
    (tree / "inner" / "deep").write_bytes(b"deep")
    (tree / "link").symlink_to("file")
    return tree


@pytest.mark.parametrize("size_bytes", [0, 1, 3_000_000])
@pytest.mark.parametrize("recursive", [True, False])
def test_a_file_is_copied_with_its_content_and_mode(
    tmp_path: Path, size_bytes: int, recursive: bool
) -> None:
    content = os.urandom(size_bytes)
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "file").chmod(0o457)
    copy(request(tmp_path / "file", tmp_path / "copy", recursive=recursive), LIMITS)
    assert (tmp_path / "copy").read_bytes() == content
    assert mode_of(tmp_path / "copy") == 0o457


def test_a_file_replaces_the_content_and_mode_of_another_in_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"new")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "other").write_bytes(b"what was there before")
    (tmp_path / "other").chmod(0o777)
    inode = (tmp_path / "other").stat().st_ino
    copy(request(tmp_path / "file", tmp_path / "other"), LIMITS)
    assert (tmp_path / "other").read_bytes() == b"new"
    assert (tmp_path / "other").stat().st_ino == inode
    assert mode_of(tmp_path / "other") == 0o600


def test_a_file_is_copied_to_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("target")
    copy(request(tmp_path / "file", tmp_path / "link"), LIMITS)
    assert (tmp_path / "target").read_bytes() == b"content"
    assert (tmp_path / "link").is_symlink()


def test_a_link_is_copied_as_a_link_also_one_that_leads_nowhere(source: Path) -> None:
    (source / "dangling").symlink_to("no where")
    copy(request(source / "link", source / "link-copy"), LIMITS)
    copy(request(source / "dangling", source / "dangling-copy"), LIMITS)
    assert os.readlink(source / "link-copy") == "file"
    assert os.readlink(source / "dangling-copy") == "no where"


def test_a_link_does_not_replace_what_is_there(source: Path) -> None:
    (source / "there").touch()
    failure = refusal(copy, request(source / "link", source / "there"))
    assert (failure.code, failure.reason) == (ErrorCode.INTERNAL, ErrorReason.PATH_EXISTS)
    assert failure.subject == str(source / "there")


@pytest.mark.parametrize("name", ["same", "other-name", "link"])
def test_a_file_copied_onto_itself_is_refused_and_stays_whole(tmp_path: Path, name: str) -> None:
    (tmp_path / "same").write_bytes(b"content")
    (tmp_path / "other-name").hardlink_to(tmp_path / "same")
    (tmp_path / "link").symlink_to("same")
    failure = refusal(copy, request(tmp_path / "same", tmp_path / name))
    assert failure.code is ErrorCode.INVALID_REQUEST
    assert failure.reason is ErrorReason.COPY_INTO_ITSELF
    assert (tmp_path / "same").read_bytes() == b"content"


def test_a_tree_is_copied_with_its_parents_made(source: Path, tmp_path: Path) -> None:
    (source / "file").chmod(0o640)
    target = tmp_path / "made" / "too" / "copy"
    copy(request(source, target, recursive=True), LIMITS)
    assert (target / "file").read_bytes() == b"content"
    assert mode_of(target / "file") == 0o640
    assert (target / "inner" / "deep").read_bytes() == b"deep"
    assert os.readlink(target / "link") == "file"


def test_a_tree_is_merged_into_a_directory_that_is_there(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (target / "inner").mkdir(parents=True)
    (target / "inner" / "own").write_bytes(b"own")
    (target / "file").write_bytes(b"replaced")
    copy(request(source, target, recursive=True), LIMITS)
    assert (target / "file").read_bytes() == b"content"
    assert sorted(os.listdir(target / "inner")) == ["deep", "own"]


def test_a_directory_is_copied_only_if_recursive(source: Path, tmp_path: Path) -> None:
    failure = refusal(copy, request(source, tmp_path / "copy"))
    assert failure.code is ErrorCode.INVALID_REQUEST
    assert failure.reason is ErrorReason.IS_A_DIRECTORY
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "destination", ["source", "source/inner/new", "source/missing/new", "link/new", "x/../source/y"]
)
def test_a_tree_is_not_copied_into_itself(source: Path, tmp_path: Path, destination: str) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to("source/inner")
    failure = refusal(copy, Copy(uri(source), f"{uri(tmp_path)}/{destination}", recursive=True))
    assert failure.code is ErrorCode.INVALID_REQUEST
    assert failure.reason is ErrorReason.COPY_INTO_ITSELF
    assert sorted(os.listdir(source)) == ["file", "inner", "link"]
    assert os.listdir(source / "inner") == ["deep"]


def test_a_directory_whose_name_begins_like_the_source_is_not_in_it(
    source: Path, tmp_path: Path
) -> None:
    copy(request(source, tmp_path / "source-copy", recursive=True), LIMITS)
    assert (tmp_path / "source-copy" / "file").exists()


def test_a_fifo_is_refused_but_left_out_of_a_tree(source: Path, tmp_path: Path) -> None:
    os.mkfifo(source / "fifo")
    failure = refusal(copy, request(source / "fifo", tmp_path / "copy"))
    assert (failure.code, failure.reason) == (ErrorCode.INVALID_REQUEST, ErrorReason.NOT_A_FILE)
    copy(request(source, tmp_path / "copy", recursive=True), LIMITS)
    assert sorted(os.listdir(tmp_path / "copy")) == ["file", "inner", "link"]


def test_nothing_is_copied_into_a_fifo_and_nothing_blocks(source: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    failure = refusal(copy, request(source / "file", tmp_path / "fifo"))
    assert failure.reason is ErrorReason.NOT_A_FILE
    assert failure.message.endswith(f"{tmp_path / 'fifo'} is not a regular file")


def test_what_is_in_the_way_is_named(source: Path, tmp_path: Path) -> None:
    (tmp_path / "target" / "file").mkdir(parents=True)
    (tmp_path / "plain").touch()
    for destination, reason, subject in (
        ("target", ErrorReason.IS_A_DIRECTORY, "target/file"),
        ("plain", ErrorReason.PATH_EXISTS, "plain"),
        ("plain/below", ErrorReason.NOT_A_DIRECTORY, "plain/below"),
    ):
        failure = refusal(copy, request(source, tmp_path / destination, recursive=True))
        assert (failure.code, failure.reason) == (ErrorCode.INTERNAL, reason)
        assert failure.subject == str(tmp_path / subject)


def test_a_missing_source_and_a_missing_directory_are_not_found(
    source: Path, tmp_path: Path
) -> None:
    missing = refusal(copy, request(tmp_path / "missing", tmp_path / "copy", recursive=True))
    nowhere = refusal(copy, request(source / "file", tmp_path / "missing" / "copy"))
    assert (missing.code, missing.subject) == (ErrorCode.NOT_FOUND, str(tmp_path / "missing"))
    assert nowhere.code is ErrorCode.NOT_FOUND
    assert nowhere.subject == str(tmp_path / "missing" / "copy")


def test_names_that_are_not_utf8_are_copied_byte_for_byte(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    os.makedirs(os.path.join(root, b"source", b"b\xff"))
    os.symlink(b"c\xfe", os.path.join(root, b"source", b"link\xfd"))
    copy(request(tmp_path / "source", tmp_path / "copy", recursive=True), LIMITS)
    assert sorted(os.listdir(os.path.join(root, b"copy"))) == [b"b\xff", b"link\xfd"]
    assert os.readlink(os.path.join(root, b"copy", b"link\xfd")) == b"c\xfe"


def test_what_may_not_be_read_is_named_and_leaves_nothing(unprivileged: Path) -> None:
    (unprivileged / "source").mkdir()
    (unprivileged / "source" / "secret").touch(0o000)
    failure = refusal(copy, request(unprivileged / "source", unprivileged / "copy", recursive=True))
    assert failure.reason is ErrorReason.PATH_FORBIDDEN
    assert failure.subject == str(unprivileged / "source" / "secret")
    assert os.listdir(unprivileged / "copy") == []


def test_a_copy_is_stopped_between_two_pieces_and_leaves_nothing_half_copied(
    tmp_path: Path,
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "large").write_bytes(b"x" * 5_000_000)
    stop = StopFlag()
    passed = 0

    def checkpoint() -> None:
        nonlocal passed
        passed += 1
        if passed == 4:  # the entry and two pieces
            stop.set()
        stop.check()

    with pytest.raises(RpcFailure) as caught:
        copy(request(tmp_path / "source", tmp_path / "copy", recursive=True), LIMITS, checkpoint)
    assert caught.value.reason is ErrorReason.SHUTTING_DOWN
    assert os.listdir(tmp_path / "copy") == []


def test_a_copy_that_is_stopped_when_it_overwrites_leaves_the_beginning_of_the_new(
    tmp_path: Path,
) -> None:
    (tmp_path / "new").write_bytes(b"x" * 3_000_000)
    (tmp_path / "old").write_bytes(b"y" * 9_000_000)
    stop = StopFlag()
    passed = 0

    def checkpoint() -> None:
        nonlocal passed
        passed += 1
        if passed == 2:
            stop.set()
        stop.check()

    with pytest.raises(RpcFailure):
        copy(request(tmp_path / "new", tmp_path / "old"), LIMITS, checkpoint)
    assert set((tmp_path / "old").read_bytes()) == set(b"x")
