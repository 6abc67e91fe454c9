"""On mounts of our own: a real file system that is full, and a tree that holds itself."""

from pathlib import Path

from tests.unit.filesystem.mounts import run_among_mounts

WRITE_TO_A_FULL_DISK = """
import json, os, sys
from telexec_schemas.filesystem import Copy, WriteFile
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.content import write_file
from telexec_service.filesystem.copying import copy
from telexec_service.config import FileLimits

small, source = sys.argv[1] + "/small", sys.argv[1] + "/source"
with open(small + "/old", "wb") as old:
    old.write(b"precious")
content = b"x" * 1_000_000
with open(source, "wb") as file:
    file.write(content)
calls = {
    "write new": (write_file, WriteFile(f"file://{small}/new", content)),
    "write old": (write_file, WriteFile(f"file://{small}/old", content)),
    "copy to new": (copy, Copy(f"file://{source}", f"file://{small}/new")),
    "copy to old": (copy, Copy(f"file://{source}", f"file://{small}/old")),
}
failures = {}
for name, (function, params) in calls.items():
    try:
        function(params, FileLimits())
    except RpcFailure as failure:
        failures[name] = [failure.code, failure.reason, failure.message]
with open(small + "/old", "rb") as old:
    print(json.dumps({"failures": failures, "left": os.listdir(small), "old": old.read().decode()}))
"""

COPY_INTO_A_MOUNT_OF_THE_TARGET = """
import json, os, sys
from telexec_schemas.filesystem import Copy
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.copying import copy
from telexec_service.config import FileLimits

source, target = sys.argv[1] + "/source", sys.argv[1] + "/target"
try:
    copy(Copy(f"file://{source}", f"file://{target}/copy", recursive=True), FileLimits())
except RpcFailure as failure:
    print(json.dumps([failure.code, failure.reason]))
"""


def test_a_full_disk_is_told_and_leaves_what_was_there_and_nothing_half_written(
    tmp_path: Path,
) -> None:
    (tmp_path / "small").mkdir()
    outcome = run_among_mounts(
        f"mount -t tmpfs -o size=128k small {tmp_path}/small", WRITE_TO_A_FULL_DISK, tmp_path
    )
    assert set(outcome["failures"]) == {"write new", "write old", "copy to new", "copy to old"}
    for code, reason, message in outcome["failures"].values():
        assert (code, reason) == (-32603, "storageFull")
        assert message.endswith("no space left on device")
    assert outcome["left"] == ["old"]
    assert outcome["old"] == "precious"


def test_a_tree_is_not_copied_into_itself_through_a_bind_mount_either(tmp_path: Path) -> None:
    (tmp_path / "source" / "mounted").mkdir(parents=True)
    (tmp_path / "target").mkdir()
    mounting = f"mount --bind {tmp_path}/target {tmp_path}/source/mounted"
    outcome = run_among_mounts(mounting, COPY_INTO_A_MOUNT_OF_THE_TARGET, tmp_path)
    assert outcome == [-32600, "copyIntoItself"]
