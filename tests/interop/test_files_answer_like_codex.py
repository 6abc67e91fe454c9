"""The same file requests to `codex exec-server` and to our service, on equal trees.

Results, error codes and what is then on the disk must be equal, but for the differences that are
wanted: each of those is a case of its own, with its reason.
"""

import base64
import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from telexec_schemas.file_uri import path_to_uri
from tests.harness import codex as codex_cli
from tests.harness.raw_peer import Json, PeerError, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service

pytestmark = pytest.mark.codex

Step = tuple[str, Json]


@dataclass(frozen=True)
class Servers:
    """The two that are compared."""

    theirs: Server
    ours: Server


@pytest.fixture(scope="module")
def servers(codex: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Return both, shared by all cases."""
    with (
        codex_cli.running_exec_server(codex, tmp_path_factory.mktemp("theirs")) as theirs,
        running_service(tmp_path_factory.mktemp("ours")) as ours,
    ):
        yield Servers(theirs, ours)


def plant(root: Path) -> None:
    """Make the tree that every case begins with."""
    (root / "tree" / "inner" / "deep").mkdir(parents=True)
    (root / "tree" / "file").write_bytes(b"hello")
    (root / "tree" / "file").chmod(0o640)
    (root / "tree" / "inner" / "other").write_bytes(b"other")
    (root / "tree" / "link").symlink_to("file")
    (root / "tree" / "up").symlink_to("..")
    (root / "a b#ü%").write_bytes(b"strange")
    (root / "empty").mkdir()
    (root / "to-tree").symlink_to("tree")
    (root / "to-inner").symlink_to("tree/inner")
    (root / "to-file").symlink_to("tree/file")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    (root / "script").write_bytes(b"#!/bin/sh\n")
    (root / "script").chmod(0o755)
    (root / "other-name").hardlink_to(root / "script")
    os.mkfifo(root / "fifo")
    for path, directories, files in os.walk(root, topdown=False):
        for name in (*files, *directories, "."):
            times_ns = (0, 1_234_567_890_123_456_789)
            os.utime(os.path.join(path, name), ns=times_ns, follow_symlinks=False)


def on_disk(root: Path) -> dict[str, Any]:
    """Return everything below a directory: modes, contents, where links lead."""
    found: dict[str, Any] = {}
    for path, directories, files in os.walk(os.fsencode(root)):
        for name in (*directories, *files):
            whole = os.path.join(path, name)
            status = os.lstat(whole)
            what: list[Any] = [stat.filemode(status.st_mode)]
            if stat.S_ISLNK(status.st_mode):
                what.append(os.readlink(whole))
            elif stat.S_ISREG(status.st_mode):
                what += [Path(os.fsdecode(whole)).read_bytes(), status.st_nlink]
            found[os.path.relpath(os.fsdecode(whole), root)] = what
    return found


async def outcomes(server: Server, root: Path, steps: Sequence[Step]) -> list[Any]:
    """Return what a server answers to each step: a result, or the code of an error.

    `$ROOT` in params and results stands for the URI of the tree.
    """
    uri = _real_uri(root)
    answers: list[Any] = []
    async with raw_peer(server.url, extensions=False) as peer:
        for method, params in steps:
            asked = json.loads(json.dumps(params).replace("$ROOT", uri))
            try:
                result = await peer.request(f"fs/{method}", {"sandbox": None, **asked})
            except PeerError as error:
                answers.append(error.code)
            else:
                answers.append(_comparable(json.loads(json.dumps(result).replace(uri, "$ROOT"))))
    return answers


def _real_uri(path: Path) -> str:
    return path_to_uri(os.path.realpath(path))


def _comparable(result: Json) -> Json:
    if "entries" in result and "errors" not in result:  # a listing has no order
        result["entries"].sort(key=lambda entry: entry["fileName"])
    for error in result.get("errors", ()):  # each says it in its own words
        error["message"] = "…"
    return result


def at(path: str) -> Json:
    return {"path": f"$ROOT{path}"}


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def write(path: str, content: bytes = b"new content") -> Step:
    return ("writeFile", {**at(path), "dataBase64": encoded(content)})


def copy(source: str, destination: str, *, recursive: bool = False) -> Step:
    params = {"sourcePath": f"$ROOT{source}", "destinationPath": f"$ROOT{destination}"}
    return ("copy", {**params, "recursive": recursive})


def remove(path: str, *, recursive: bool, force: bool = False) -> Step:
    return ("remove", {**at(path), "recursive": recursive, "force": force})


def make(path: str, **options: Any) -> Step:
    return ("createDirectory", {**at(path), **options})


def walk(path: str = "", **options: Any) -> Step:
    bounds = {
        "maxDepth": 9,
        "maxDirectories": 99,
        "maxEntries": 99,
        "followDirectorySymlinks": False,
        **options,
    }
    return ("walk", {**at(path), "options": bounds})


def block(offset: int, length: int, handle: str = "h") -> Step:
    return ("readBlock", {"handleId": handle, "offset": offset, "len": length})


def opened(path: str, handle: str = "h") -> Step:
    return ("open", {"handleId": handle, **at(path)})


def closed(handle: str = "h") -> Step:
    return ("close", {"handleId": handle})


PATHS = [
    "",
    "/",
    "/tree",
    "/tree/",
    "/tree/file",
    "/tree/file/",
    "/tree/./file",
    "/tree/inner/../file",
    "/tree/link",
    "/tree/up",
    "/tree/up/empty",
    "/to-tree",
    "/to-tree/file",
    "/to-file",
    "/a b%23ü%25",
    "/a%20b%23%C3%BC%25",
    "/missing",
    "/missing/below",
    "/tree/file/below",
    "/dangling",
    "/dangling/below",
    "/loop",
    "/loop/below",
    "/fifo",
    "/" + "n" * 300,
    "/" + "d/" * 3_000,
]
BAD_URIS = [
    "",
    "/",
    "relative",
    "http:///tmp",
    "file:///tmp?query",
    "file:///tmp#fragment",
    "file:///a%00b",
    "file://otherhost/tmp",
]
GOOD_URIS = ["file://localhost/proc", "FILE:///proc", "file:////proc", "file:///proc/"]
BAD_PARAMS: list[Json] = [
    {},
    {"path": None},
    {"path": 5},
    {"path": ["file:///"]},
    {"path": "file:///", "sandbox": {}},
    {"path": "file:///", "sandbox": "none"},
]

CASES: dict[str, list[Step]] = {
    **{
        f"{method} of {path[:40] or 'the root'}": [(method, at(path))]
        for method in ("getMetadata", "readFile", "canonicalize", "readDirectory")
        for path in PATHS
    },
    **{
        f"{method} of {uri or 'nothing'}": [(method, {"path": uri})]
        for method in ("getMetadata", "canonicalize")
        for uri in (*BAD_URIS, *GOOD_URIS)
        # The size and times of /proc are no constants.
        if method == "canonicalize" or uri in BAD_URIS
    },
    **{
        f"{method} with {params}": [(method, params)]
        for method in ("getMetadata", "readFile", "readDirectory", "canonicalize", "remove")
        for params in BAD_PARAMS
    },
    "a file of /proc": [("readFile", {"path": "file:///proc/sys/kernel/ostype"})],
    "reading a device": [
        ("readFile", {"path": "file:///dev/zero"}),
        ("open", {"path": "file:///dev/zero", "handleId": "h"}),
    ],
    "writing a new file": [write("/new"), ("readFile", at("/new"))],
    "writing nothing": [write("/new", b""), write("/script", b"")],
    "writing a longer content": [write("/script", b"x" * 10_000)],
    "writing in place, mode and names stay": [write("/script"), ("readFile", at("/other-name"))],
    "writing through links": [write("/to-file"), write("/tree/link", b"again")],
    "writing through a dangling link": [write("/dangling")],
    "writing where nothing can be": [
        *[write("/missing/new"), write("/tree/file/below"), write("/loop"), write("/tree")],
        *[write("/to-tree"), write("/" + "n" * 300)],
    ],
    "writing without content": [
        ("writeFile", at("/new")),
        ("writeFile", {**at("/new"), "dataBase64": None}),
        ("writeFile", {**at("/new"), "dataBase64": 5}),
    ],
    "making directories": [
        *[make("/x/y", recursive=False), make("/x/y", recursive=True), make("/x/y")],
        *[make("/x/y", recursive=None), make("/x/y", recursive=False), make("/z", recursive=False)],
    ],
    "making directories where something is": [
        *[make("/tree/file"), make("/tree/file/below"), make("/dangling"), make("/loop/below")],
        *[make("/to-tree"), make("/to-tree/new"), make("/dangling/below"), make("/fifo")],
    ],
    "removing": [
        *[remove("/tree", recursive=False), remove("/to-tree/", recursive=True)],
        *[remove("/to-file", recursive=False), remove("/dangling", recursive=True)],
        *[remove("/loop", recursive=True), remove("/fifo", recursive=True)],
        *[remove("/empty/.", recursive=False), remove("/script", recursive=False)],
        remove("/tree", recursive=True),
    ],
    "removing what is not there": [
        remove(path, recursive=recursive, force=force)
        for path in ("/missing", "/missing/below", "/tree/file/below", "/dangling/below")
        for recursive in (True, False)
        for force in (True, False)
    ],
    "removing recurses and forces by default": [
        ("remove", at("/missing")),
        ("remove", at("/tree")),
        ("remove", {**at("/empty"), "recursive": None, "force": None}),
    ],
    "removing the root": [("remove", {"path": "file:///", "recursive": False, "force": False})],
    "copying files": [
        *[copy("/script", "/new"), copy("/script", "/new"), copy("/tree/file", "/new")],
        *[copy("/script", "/missing/new"), copy("/script", "/tree"), copy("/missing", "/new")],
        *[copy("/script", "/tree/file/below"), copy("/script", "/recursive", recursive=True)],
    ],
    "copying to where links lead": [copy("/script", "/to-file"), copy("/script", "/dangling")],
    "copying links": [
        *[copy("/to-file", "/new"), copy("/dangling", "/new2"), copy("/loop", "/new3")],
        *[copy("/to-tree", "/new4"), copy("/to-tree", "/new5", recursive=True)],
        *[copy("/to-file", "/script"), copy("/to-file", "/tree"), copy("/to-file", "/missing/new")],
    ],
    "copying a tree": [
        *[copy("/tree", "/new"), copy("/tree", "/new", recursive=True)],
        *[copy("/tree", "/parents/too", recursive=True)],
    ],
    "copying a tree onto what is there": [
        copy("/tree", "/empty", recursive=True),
        copy("/tree", "/empty", recursive=True),
        copy("/tree/inner", "/to-tree", recursive=True),
        copy("/tree", "/script", recursive=True),
        copy("/tree", "/dangling", recursive=True),
        copy("/missing", "/new", recursive=True),
    ],
    "copying a tree into itself": [
        *[copy("/tree", "/tree", recursive=True), copy("/tree", "/tree/inner/x", recursive=True)],
        *[copy("/tree", "/tree/no/x", recursive=True), copy("/tree", "/to-tree", recursive=True)],
        *[copy("/tree", "/to-inner/new", recursive=True), copy("/tree", "/tree/../tree/x")],
    ],
    "copying a FIFO": [copy("/fifo", "/new"), copy("/fifo", "/new", recursive=True)],
    "walking": [walk(), walk(followDirectorySymlinks=True)],
    "walking from what is no directory": [
        walk(path, followDirectorySymlinks=follow)
        for path in ("/to-tree", "/to-tree/", "/to-file", "/fifo", "/script", "/dangling", "/miss")
        for follow in (True, False)
    ],
    "walking not so deep": [walk(maxDepth=depth) for depth in range(5)],
    "walking with few entries": [
        walk(maxEntries=entries, followDirectorySymlinks=follow)
        for entries in range(1, 25)
        for follow in (True, False)
    ],
    "walking with few directories": [
        walk(maxDirectories=directories, followDirectorySymlinks=follow)
        for directories in range(1, 8)
        for follow in (True, False)
    ],
    "walking with bounds that make no sense": [
        *[walk(maxDepth=-1), walk(maxEntries=-1), walk(maxDirectories=-1)],
        *[walk(maxEntries=0), walk(maxDirectories=0), walk(maxEntries=1.5), walk(maxDepth="1")],
        *[walk(maxEntries=None), walk(maxEntries=2**63)],
        ("walk", at("")),
        ("walk", {**at(""), "options": {}}),
    ],
    "reading blocks": [
        opened("/tree/file"),
        *[block(0, 2), block(2, 2), block(4, 2), block(3, 2), block(5, 1), block(99, 1)],
        *[block(0, 1_048_576), block(0, 0), block(0, 1_048_577), block(-1, 1), block(0, -1)],
        *[block(2**63 - 1, 1), block(0, 1, "other"), block(0, 0, "other")],
        *[closed(), closed(), block(0, 1), opened("/to-file"), block(0, 5)],
    ],
    "a handle that is in use": [opened("/script"), opened("/tree/file"), block(0, 100)],
    "a handle without a name": [opened("/script", ""), block(0, 100, ""), closed("")],
    "opening what is no file": [
        opened(path) for path in ("/tree", "/fifo", "/missing", "/dangling", "/to-tree", "/loop")
    ],
    "an open file that is written and removed": [
        *[opened("/tree/file"), write("/tree/file"), remove("/tree/file", recursive=False)],
        block(0, 100),
    ],
    "a file of /proc in blocks": [
        ("open", {"path": "file:///proc/sys/kernel/ostype", "handleId": "h"}),
        *[block(0, 100), block(3, 2)],
    ],
    "more handles than a connection may have": [
        opened("/script", str(number)) for number in range(130)
    ],
}

CASES_ON_STRANGE_NAMES: list[Step] = [
    ("readDirectory", at("/strange")),
    ("remove", at("/strange")),
]


@pytest.mark.parametrize("case", CASES)
async def test_results_errors_and_effects_are_those_of_codex(
    servers: Servers, tmp_path: Path, case: str
) -> None:
    await assert_equal(servers, tmp_path, CASES[case])


async def test_names_that_are_not_utf8_are_listed_and_removed_as_codex_does(
    servers: Servers, tmp_path: Path
) -> None:
    for who in ("theirs", "ours"):
        os.makedirs(os.path.join(os.fsencode(tmp_path), who.encode(), b"strange", b"b\xff"))
    await assert_equal(servers, tmp_path, CASES_ON_STRANGE_NAMES)


async def assert_equal(servers: Servers, directory: Path, steps: Sequence[Step]) -> None:
    """Fail unless both answer alike and leave alike what they worked on."""
    seen: dict[str, tuple[list[Any], dict[str, Any]]] = {}
    for who, server in (("theirs", servers.theirs), ("ours", servers.ours)):
        root = directory / who
        root.mkdir(exist_ok=True)
        plant(root)
        answers = await outcomes(server, root, steps)
        seen[who] = (answers, on_disk(root))
    for step, theirs, ours in zip(steps, seen["theirs"][0], seen["ours"][0], strict=True):
        assert ours == theirs, step
    assert seen["ours"][1] == seen["theirs"][1]


@dataclass(frozen=True)
class Difference:
    """Steps that we answer in another way on purpose; only the last answer of each is looked at."""

    why: str
    steps: list[Step]
    theirs: Any
    ours: Any


DIFFERENCES: dict[str, Difference] = {
    "bad base64": Difference(
        "It is a parameter of the wrong form, and is found where all of those are.",
        [("writeFile", {**at("/new"), "dataBase64": "**"})],
        theirs=-32600,
        ours=-32602,
    ),
    "a URI without a path": Difference(
        "Nobody means the root with it, and `fs/remove` would take it away.",
        [("canonicalize", {"path": "file://"})],
        theirs={"path": "file:///"},
        ours=-32602,
    ),
    "a URI without slashes": Difference(
        "It looks relative, and there is nothing that it could be relative to.",
        [("canonicalize", {"path": "file:proc"})],
        theirs={"path": "file:///proc"},
        ours=-32602,
    ),
    "the parent of a link": Difference(
        "What is before `..` is resolved first, as everywhere on the host.",
        [("canonicalize", at("/to-inner/../file"))],
        theirs=-32004,
        ours={"path": "$ROOT/tree/file"},
    ),
    "copying a file onto itself": Difference(
        "The file would be emptied.",
        [copy("/to-file", "/self"), copy("/tree/file", "/self"), ("readFile", at("/tree/file"))],
        theirs={"dataBase64": ""},
        ours={"dataBase64": encoded(b"hello")},
    ),
    "writing to a device": Difference(
        "Opening one can already do something; a FIFO would block for ever.",
        [("writeFile", {"path": "file:///dev/null", "dataBase64": ""})],
        theirs={},
        ours=-32600,
    ),
    "a walk with many entries": Difference(
        "Our limit is the operator's; what is below theirs is below ours.",
        [walk("/empty", maxEntries=100_000)],
        theirs=-32600,
        ours={"entries": [], "errors": [], "truncated": False},
    ),
    "a walk with great depth": Difference(
        "The number of entries bounds it well enough.",
        [walk("/empty", maxDepth=65)],
        theirs=-32600,
        ours={"entries": [], "errors": [], "truncated": False},
    ),
    "a copy that does not say whether it recurses": Difference(
        "It does not: an optional field has a default.",
        [("copy", {"sourcePath": "$ROOT/script", "destinationPath": "$ROOT/new"})],
        theirs=-32602,
        ours={},
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
async def test_what_we_do_in_another_way_is_known(
    servers: Servers, tmp_path: Path, name: str
) -> None:
    difference = DIFFERENCES[name]
    seen: dict[str, Any] = {}
    for who, server in (("theirs", servers.theirs), ("ours", servers.ours)):
        root = tmp_path / who
        root.mkdir()
        plant(root)
        seen[who] = (await outcomes(server, root, difference.steps))[-1]
    assert seen == {"theirs": difference.theirs, "ours": difference.ours}, difference.why


async def test_a_walk_names_what_is_not_utf8_exactly_where_codex_cannot(
    servers: Servers, tmp_path: Path
) -> None:
    os.mkdir(os.path.join(os.fsencode(tmp_path), b"b\xff"))
    (theirs,) = await outcomes(servers.theirs, tmp_path, [walk()])
    (ours,) = await outcomes(servers.ours, tmp_path, [walk()])
    assert theirs["entries"] == []
    assert ours["entries"] == [{"path": "$ROOT/b%FF", "kind": "directory"}]


async def test_a_file_above_our_limit_is_read_in_blocks_by_codex_and_by_us(
    servers: Servers, tmp_path: Path
) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(32 * 1024 * 1024 + 1)
    steps: list[Step] = [("readFile", at("/large")), opened("/large"), block(2**25, 2)]
    theirs = await outcomes(servers.theirs, tmp_path, steps)
    ours = await outcomes(servers.ours, tmp_path, steps)
    assert ours[0] == -32600
    assert theirs[0] != -32600
    assert ours[1:] == theirs[1:] == [{"handleId": "h"}, {"chunk": "AA==", "eof": True}]
