import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.filesystem import Walk, WalkOptions
from telexec_service.config import FileLimits
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.checkpoint import StopFlag
from telexec_service.filesystem.tree import walk
from tests.unit.filesystem.calls import LIMITS, names, refusal, tree_of, uri


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree with links, a FIFO and a link that leads nowhere.

    Sorted by name: 0-link, a, dangling (left out before it counts), fifo, loop (as dangling),
    to-a, to-file, z.
    """
    tree = tmp_path_factory.mktemp("tree")
    (tree / "a" / "b" / "c" / "d").mkdir(parents=True)
    (tree / "a" / "x").touch()
    (tree / "a" / "y").touch()
    (tree / "z").mkdir()
    (tree / "0-link").symlink_to("a")
    (tree / "dangling").symlink_to("nowhere")
    (tree / "loop").symlink_to("loop")
    (tree / "to-a").symlink_to("a")
    (tree / "to-file").symlink_to("a/x")
    os.mkfifo(tree / "fifo")
    return tree


WHOLE = ["a/", "z/", "a/b/", "a/x", "a/y", "a/b/c/", "a/b/c/d/"]


def test_a_tree_is_listed_level_by_level_and_sorted_without_links(root: Path) -> None:
    tree = tree_of(root)
    assert names(tree, root) == WHOLE
    assert (tree.errors, tree.truncated) == ([], False)


def test_followed_links_to_directories_are_listed_but_no_directory_is_entered_twice(
    root: Path,
) -> None:
    tree = tree_of(root, follow=True)
    assert names(tree, root) == [
        *["0-link/", "a/", "to-a/", "z/"],
        *["0-link/b/", "0-link/x", "0-link/y"],
        *["0-link/b/c/", "0-link/b/c/d/"],
    ]
    assert not tree.truncated


def test_a_link_up_does_not_make_a_walk_endless(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to("..")
    tree = tree_of(tmp_path, follow=True)
    assert names(tree, tmp_path) == ["a/", "a/up/"]
    assert not tree.truncated


def test_names_are_sorted_by_their_bytes_in_each_directory(tmp_path: Path) -> None:
    for name in (b"b", b"B", b"\xff", "ä".encode(), b"a-b", b"a"):
        os.mkdir(os.path.join(os.fsencode(tmp_path), name))
    assert names(tree_of(tmp_path), tmp_path) == ["B/", "a/", "a-b/", "b/", "%C3%A4/", "%FF/"]


@pytest.mark.parametrize(("depth", "count"), [(0, 2), (1, 5), (2, 6), (3, 7), (4, 7), (2**62, 7)])
def test_depth_ends_a_walk_without_truncating_it(root: Path, depth: int, count: int) -> None:
    tree = tree_of(root, depth=depth)
    assert names(tree, root) == WHOLE[:count]
    assert not tree.truncated


@pytest.mark.parametrize(
    ("directories", "count", "truncated"),
    [(1, 2, True), (2, 5, True), (3, 5, True), (4, 6, True), (5, 7, True), (6, 7, False)],
)
def test_only_so_many_directories_are_read(
    root: Path, directories: int, count: int, truncated: bool
) -> None:
    tree = tree_of(root, directories=directories)
    assert names(tree, root) == WHOLE[:count]
    assert tree.truncated is truncated


@pytest.mark.parametrize(
    ("entries", "count", "truncated"),
    [
        *[(1, 0, True), (2, 1, True), (3, 1, True), (4, 1, True), (5, 1, True), (6, 2, True)],
        *[(7, 3, True), (8, 4, True), (9, 5, True), (10, 6, True), (11, 7, False)],
    ],
)
def test_only_so_many_names_are_looked_at_also_those_that_are_left_out(
    root: Path, entries: int, count: int, truncated: bool
) -> None:
    tree = tree_of(root, entries=entries)
    assert names(tree, root) == WHOLE[:count]
    assert tree.truncated is truncated


@given(
    depth=st.integers(0, 5),
    directories=st.integers(1, 8),
    entries=st.integers(1, 13),
    follow=st.booleans(),
)
def test_a_bound_only_cuts_off_the_end(
    root: Path, depth: int, directories: int, entries: int, follow: bool
) -> None:
    whole = tree_of(root, depth=depth, follow=follow)
    part = tree_of(root, depth=depth, directories=directories, entries=entries, follow=follow)
    assert whole.entries[: len(part.entries)] == part.entries
    assert part.truncated or part == whole


@pytest.mark.parametrize("name", ["fifo", "to-file", "to-a", "a/x"])
def test_what_is_no_directory_has_an_empty_tree_and_so_has_a_link(root: Path, name: str) -> None:
    tree = tree_of(root / name)
    assert (tree.entries, tree.errors, tree.truncated) == ([], [], False)


def test_a_link_to_a_directory_is_walked_if_links_are_followed(root: Path) -> None:
    tree = tree_of(root / "to-a", follow=True)
    assert names(tree, root / "to-a") == ["b/", "x", "y", "b/c/", "b/c/d/"]


@pytest.mark.parametrize("name", ["missing", "dangling"])
@pytest.mark.parametrize("follow", [True, False])
def test_a_path_that_leads_nowhere_is_not_found(root: Path, name: str, follow: bool) -> None:
    options = WalkOptions(1, 1, 1, follow)
    assert refusal(walk, Walk(uri(root / name), options)).code is ErrorCode.NOT_FOUND


def test_what_may_not_be_read_is_an_error_of_the_tree(unprivileged: Path) -> None:
    (unprivileged / "a").mkdir(0o000)
    (unprivileged / "b").mkdir()
    (unprivileged / "b" / "file").touch()
    tree = tree_of(unprivileged)
    assert names(tree, unprivileged) == ["a/", "b/", "b/file"]
    assert [error.path for error in tree.errors] == [uri(unprivileged / "a")]
    assert tree.errors[0].message == "cannot read it: permission denied"


@pytest.mark.parametrize(
    ("bounds", "code"),
    [
        ((-1, 1, 1), ErrorCode.INVALID_PARAMS),
        ((1, -1, 1), ErrorCode.INVALID_PARAMS),
        ((1, 1, -1), ErrorCode.INVALID_PARAMS),
        ((1, 0, 1), ErrorCode.INVALID_REQUEST),
        ((1, 1, 0), ErrorCode.INVALID_REQUEST),
    ],
)
def test_bounds_that_make_no_sense_are_refused(
    root: Path, bounds: tuple[int, int, int], code: ErrorCode
) -> None:
    failure = refusal(walk, Walk(uri(root), WalkOptions(*bounds)))
    assert (failure.code, failure.reason) == (code, ErrorReason.PARAMS_INVALID)


def test_more_entries_than_the_host_allows_are_refused(root: Path) -> None:
    limits = FileLimits(max_entries=10)
    assert tree_of(root, entries=10, limits=limits).truncated
    failure = refusal(walk, Walk(uri(root), WalkOptions(1, 1, 11)), limits)
    assert (failure.reason, failure.limit) == (ErrorReason.LIMIT_REACHED, 10)


def test_a_walk_can_be_stopped(root: Path) -> None:
    stop = StopFlag()
    walk(Walk(uri(root), WalkOptions(9, 99, 99)), LIMITS, stop.check)
    stop.set()
    with pytest.raises(RpcFailure) as caught:
        walk(Walk(uri(root), WalkOptions(9, 99, 99)), LIMITS, stop.check)
    assert caught.value.reason is ErrorReason.SHUTTING_DOWN
