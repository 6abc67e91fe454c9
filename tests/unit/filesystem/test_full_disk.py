"""On a real file system that is full; needs the right to mount one in a namespace of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, os, sys
from telexec_schemas.filesystem import Copy, WriteFile
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.content import write_file
from telexec_service.filesystem.copying import copy
from telexec_service.filesystem.limits import FileLimits

small, source = sys.argv[1:]
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
outcome = {}
for name, (function, params) in calls.items():
    try:
        function(params, FileLimits())
    except RpcFailure as failure:
        outcome[name] = [failure.code, failure.reason, failure.message]
with open(small + "/old", "rb") as old:
    print(json.dumps({"failures": outcome, "left": os.listdir(small), "old": old.read().decode()}))
"""


@pytest.fixture
def outcome(tmp_path: Path) -> dict[str, Any]:
    """Return what writing and copying to a full file system led to."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare(1) is missing")
    namespace = [unshare, "--map-root-user", "--mount"]
    (tmp_path / "small").mkdir()
    mounting = f"mount -t tmpfs -o size=128k small {tmp_path}/small"
    tried = subprocess.run([*namespace, "sh", "-c", mounting], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"cannot mount here: {tried.stderr.decode()}")
    (tmp_path / "program.py").write_text(PROGRAM)
    program = f"{sys.executable} {tmp_path}/program.py {tmp_path}/small {tmp_path}/source"
    done = subprocess.run(
        [*namespace, "sh", "-c", f"{mounting} && {program}"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_full_disk_is_told_and_leaves_what_was_there_and_nothing_half_written(
    outcome: dict[str, Any],
) -> None:
    assert set(outcome["failures"]) == {"write new", "write old", "copy to new", "copy to old"}
    for code, reason, message in outcome["failures"].values():
        assert (code, reason) == (-32603, "storageFull")
        assert message.endswith("no space left on device")
    assert outcome["left"] == ["old"]
    assert outcome["old"] == "precious"
