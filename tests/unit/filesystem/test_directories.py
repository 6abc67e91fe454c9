import os
from pathlib import Path

import pytest

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.filesystem import CreateDirectory, DirectoryEntry, ReadDirectory
from telexec_service.config import FileLimits
from telexec_service.filesystem.directories import create_directory, read_directory
from tests.unit.filesystem.calls import LIMITS, refusal, uri


def listing(path: Path, limits: FileLimits = LIMITS) -> dict[str, DirectoryEntry]:
    entries = read_directory(ReadDirectory(uri(path)), limits).entries
    return {entry.file_name: entry for entry in entries}


def make(path: Path, *, recursive: bool | None = None) -> None:
    create_directory(CreateDirectory(uri(path), recursive), LIMITS)


def test_a_listing_says_what_each_name_leads_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "to-file").symlink_to("file")
    (tmp_path / "to-directory").symlink_to("directory")
    os.mkfifo(tmp_path / "fifo")
    kinds = {name: (entry.is_directory, entry.is_file) for name, entry in listing(tmp_path).items()}
    assert kinds == {
        "file": (False, True),
        "directory": (True, False),
        "to-file": (False, True),
        "to-directory": (True, False),
        "fifo": (False, False),
    }


def test_links_that_lead_nowhere_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    assert listing(tmp_path) == {}


def test_a_name_that_is_not_utf8_is_listed_with_replacement_characters(tmp_path: Path) -> None:
    os.mkdir(os.path.join(os.fsencode(tmp_path), b"b\xff"))
    assert list(listing(tmp_path)) == ["b\N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize(
    ("name", "code"), [("missing", ErrorCode.NOT_FOUND), ("file", ErrorCode.INTERNAL)]
)
def test_only_a_directory_is_listed(tmp_path: Path, name: str, code: ErrorCode) -> None:
    (tmp_path / "file").touch()
    assert refusal(read_directory, ReadDirectory(uri(tmp_path / name))).code is code


def test_a_directory_that_may_not_be_read_is_forbidden(unprivileged: Path) -> None:
    (unprivileged / "closed").mkdir(0o300)
    failure = refusal(read_directory, ReadDirectory(uri(unprivileged / "closed")))
    assert failure.reason is ErrorReason.PATH_FORBIDDEN


def test_a_directory_with_more_names_than_the_limit_is_refused(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / str(number)).touch()
    assert len(listing(tmp_path, FileLimits(max_entries=4))) == 4
    failure = refusal(read_directory, ReadDirectory(uri(tmp_path)), FileLimits(max_entries=3))
    assert (failure.reason, failure.limit) == (ErrorReason.LIMIT_REACHED, 3)


def test_a_directory_is_made_with_its_parents_unless_told_otherwise(tmp_path: Path) -> None:
    make(tmp_path / "a" / "b" / "c")
    make(tmp_path / "d" / "e", recursive=True)
    make(tmp_path / "f", recursive=False)
    assert (tmp_path / "a" / "b" / "c").is_dir()
    assert (tmp_path / "d" / "e").is_dir()
    assert (tmp_path / "f").is_dir()
    failure = refusal(create_directory, CreateDirectory(uri(tmp_path / "g" / "h"), recursive=False))
    assert failure.code is ErrorCode.NOT_FOUND
    assert not (tmp_path / "g").exists()


def test_a_directory_that_is_there_is_fine_only_if_recursive(tmp_path: Path) -> None:
    make(tmp_path)
    make(Path("/"))
    failure = refusal(create_directory, CreateDirectory(uri(tmp_path), recursive=False))
    assert (failure.code, failure.reason) == (ErrorCode.INTERNAL, ErrorReason.PATH_EXISTS)


@pytest.mark.parametrize("recursive", [True, False])
def test_something_else_in_its_place_is_never_fine(tmp_path: Path, recursive: bool) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("file", "dangling"):
        failure = refusal(create_directory, CreateDirectory(uri(tmp_path / name), recursive))
        assert failure.reason is ErrorReason.PATH_EXISTS
    failure = refusal(create_directory, CreateDirectory(uri(tmp_path / "file" / "x"), recursive))
    assert failure.reason is ErrorReason.NOT_A_DIRECTORY


def test_a_link_to_a_directory_is_as_good_as_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    make(tmp_path / "link")
    make(tmp_path / "link" / "below")
    assert (tmp_path / "real" / "below").is_dir()


def test_a_place_where_nothing_can_be_made_is_an_error_and_no_loop() -> None:
    failure = refusal(create_directory, CreateDirectory("file:///proc/self/new/directory"))
    assert failure.code is ErrorCode.NOT_FOUND


def test_a_very_deep_directory_is_made_at_once(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 1_500)
    make(deep)
    assert os.path.isdir(deep)
    # pytest's own clean-up recurses; this does not.
    while deep != tmp_path:
        deep.rmdir()
        deep = deep.parent
