import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.filesystem import Remove
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.checkpoint import StopFlag
from telexec_service.filesystem.removal import remove
from tests.harness import procfs
from tests.unit.filesystem.calls import LIMITS, refusal, uri


def take_away(path: str | Path, *, recursive: bool | None = None) -> None:
    remove(Remove(uri(path), recursive, force=False), LIMITS)


@pytest.mark.parametrize("recursive", [None, True, False])
def test_a_file_a_link_a_fifo_and_an_empty_directory_are_removed(
    tmp_path: Path, recursive: bool | None
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo")
    for name in os.listdir(tmp_path):
        take_away(tmp_path / name, recursive=recursive)
    assert os.listdir(tmp_path) == []


def test_a_tree_is_removed_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "tree" / "a" / "b").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "file").touch()
    (tmp_path / "tree" / "c").mkdir()
    failure = refusal(remove, Remove(uri(tmp_path / "tree"), recursive=False))
    assert failure.code is ErrorCode.INTERNAL
    assert failure.reason is ErrorReason.DIRECTORY_NOT_EMPTY
    take_away(tmp_path / "tree")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("recursive", [True, False])
def test_what_a_link_leads_to_stays(tmp_path: Path, recursive: bool) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "link").symlink_to("kept")
    take_away(f"{tmp_path}/link/", recursive=recursive)
    assert not os.path.lexists(tmp_path / "link")
    assert (tmp_path / "kept" / "file").exists()


def test_links_inside_a_tree_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "to-directory").symlink_to(tmp_path / "kept")
    (tmp_path / "tree" / "to-file").symlink_to(tmp_path / "kept" / "file")
    (tmp_path / "tree" / "up").symlink_to("..")
    take_away(tmp_path / "tree")
    assert os.listdir(tmp_path) == ["kept"]
    assert os.listdir(tmp_path / "kept") == ["file"]


def test_a_directory_that_is_swapped_for_a_link_meanwhile_leads_nobody_elsewhere(
    tmp_path: Path,
) -> None:
    kept, away, tree = tmp_path / "kept", tmp_path / "away", tmp_path / "tree"
    (kept / "precious").mkdir(parents=True)
    for number in range(500):
        (tree / f"{number}" / "below").mkdir(parents=True)

    def swap() -> None:
        away.mkdir()
        for number in range(500):
            with contextlib.suppress(OSError):  # it may be gone
                os.rename(tree / f"{number}", away / f"{number}")
                os.symlink(kept, tree / f"{number}")

    with ThreadPoolExecutor(1) as threads:
        swapping = threads.submit(swap)
        with contextlib.suppress(RpcFailure):  # what comes after it was looked at stays
            remove(Remove(uri(tree)), LIMITS)
        swapping.result()
    assert os.listdir(kept) == ["precious"]


def test_a_missing_path_is_an_error_only_without_force(tmp_path: Path) -> None:
    missing = uri(tmp_path / "missing")
    remove(Remove(missing), LIMITS)
    remove(Remove(missing, force=True), LIMITS)
    remove(Remove(uri(tmp_path / "missing" / "below")), LIMITS)
    assert refusal(remove, Remove(missing, force=False)).code is ErrorCode.NOT_FOUND


def test_force_does_not_hide_other_errors(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failure = refusal(remove, Remove(uri(tmp_path / "file" / "below"), force=True))
    assert failure.reason is ErrorReason.NOT_A_DIRECTORY


def test_the_root_of_the_host_is_never_removed() -> None:
    for root in ("file:///", "file:////", "file:///./"):
        failure = refusal(remove, Remove(root, recursive=True, force=True))
        assert failure.reason is ErrorReason.PATH_FORBIDDEN


def test_names_that_are_not_utf8_are_removed(tmp_path: Path) -> None:
    os.makedirs(os.path.join(os.fsencode(tmp_path), b"tree", b"b\xff", b"c\xfe"))
    take_away(tmp_path / "tree")
    assert os.listdir(tmp_path) == []


def test_a_tree_deeper_than_a_path_may_be_long_is_removed(tmp_path: Path) -> None:
    depth = 3_000
    top = fd = os.open(tmp_path, os.O_RDONLY)
    for level in range(depth):
        os.mkdir("directory", dir_fd=fd)
        below = os.open("directory", os.O_RDONLY, dir_fd=fd)
        if level % 1_000 == 0:
            os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
        if fd != top:
            os.close(fd)
        fd = below
    os.close(fd)
    os.close(top)
    before = procfs.open_fds()
    take_away(tmp_path / "directory")
    assert procfs.open_fds() == before
    assert os.listdir(tmp_path) == ["file"]


def test_what_may_not_be_removed_is_named_and_nothing_leaks(unprivileged: Path) -> None:
    locked = unprivileged / "tree" / "a" / "locked"
    locked.mkdir(parents=True)
    (locked / "file").touch()
    locked.chmod(0o500)
    before = procfs.open_fds()
    failure = refusal(remove, Remove(uri(unprivileged / "tree")))
    assert failure.reason is ErrorReason.PATH_FORBIDDEN
    assert failure.subject == str(locked / "file")
    assert procfs.open_fds() == before
    assert (locked / "file").exists()


def test_a_directory_that_may_not_be_read_is_named(unprivileged: Path) -> None:
    closed = unprivileged / "tree" / "closed"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    closed.chmod(0o000)
    assert refusal(remove, Remove(uri(unprivileged / "tree"))).subject == str(closed)


def test_a_removal_can_be_stopped_and_nothing_leaks(tmp_path: Path) -> None:
    (tmp_path / "tree" / "below").mkdir(parents=True)
    (tmp_path / "tree" / "below" / "file").touch()
    stop = StopFlag()
    stop.set()
    before = procfs.open_fds()
    with pytest.raises(RpcFailure) as caught:
        remove(Remove(uri(tmp_path / "tree")), LIMITS, stop.check)
    assert caught.value.reason is ErrorReason.SHUTTING_DOWN
    assert procfs.open_fds() == before
    assert (tmp_path / "tree" / "below" / "file").exists()
