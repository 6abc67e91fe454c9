from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telexec_schemas import filesystem as fs
from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.identifiers import HandleId
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.content import read_file, write_file
from telexec_service.filesystem.copying import copy
from telexec_service.filesystem.directories import create_directory, read_directory
from telexec_service.filesystem.handles import FileHandles
from telexec_service.filesystem.metadata import canonicalize, get_metadata
from telexec_service.filesystem.removal import remove
from telexec_service.filesystem.tree import walk
from tests.unit.filesystem.calls import LIMITS, uri

BOUNDS = fs.WalkOptions(1, 1, 1)
CALLS: dict[str, Callable[[str, Any], object]] = {
    "get_metadata": lambda path, box: get_metadata(fs.GetMetadata(path, box), LIMITS),
    "canonicalize": lambda path, box: canonicalize(fs.Canonicalize(path, box), LIMITS),
    "read_file": lambda path, box: read_file(fs.ReadFile(path, box), LIMITS),
    "write_file": lambda path, box: write_file(fs.WriteFile(path, b"new", box), LIMITS),
    "read_directory": lambda path, box: read_directory(fs.ReadDirectory(path, box), LIMITS),
    "create_directory": lambda path, box: create_directory(
        fs.CreateDirectory(path + "/new", sandbox=box), LIMITS
    ),
    "remove": lambda path, box: remove(fs.Remove(path, sandbox=box), LIMITS),
    "copy": lambda path, box: copy(fs.Copy(path, path + "/new", sandbox=box), LIMITS),
    "walk": lambda path, box: walk(fs.Walk(path, BOUNDS, box), LIMITS),
    "open_file": lambda path, box: FileHandles(LIMITS).open_file(
        fs.OpenFile(HandleId("h"), path, box)
    ),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("sandbox", [{}, {"permissions": {"type": "managed"}}])
def test_what_should_be_confined_is_refused_and_nothing_happens(
    tmp_path: Path, call: str, sandbox: dict[str, Any]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    with pytest.raises(RpcFailure) as caught:
        CALLS[call](uri(file), sandbox)
    assert caught.value.code is ErrorCode.INVALID_PARAMS
    assert caught.value.reason is ErrorReason.SANDBOX_UNAVAILABLE
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
