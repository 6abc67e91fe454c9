import os
from pathlib import Path

import pytest

from telexec_schemas.errors import ErrorReason
from telexec_schemas.filesystem import ReadFile, WriteFile
from telexec_service.filesystem.content import read_file, write_file
from tests.unit.filesystem.calls import LIMITS, refusal, uri


@pytest.mark.parametrize(
    "path",
    [
        "/proc/self/mem",
        "/proc/thread-self/mem",
        "/proc/PID/mem",
        "/proc/PID/task/PID/mem",
        "/proc/self/cwd/../proc/self/mem",
        "/proc/self/root/proc/self/mem",
    ],
)
def test_the_memory_of_a_process_is_no_file(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/usr")
    path = path.replace("PID", str(os.getpid()))
    (tmp_path / "link").symlink_to(path)

    for name in (path, tmp_path / "link"):
        reading = refusal(read_file, ReadFile(uri(name)))
        writing = refusal(write_file, WriteFile(uri(name), b"x"))
        assert reading.reason is writing.reason is ErrorReason.NOT_A_FILE


def test_an_empty_file_that_is_only_called_so_is_one(tmp_path: Path) -> None:
    directory = tmp_path / "123"
    directory.mkdir()
    (directory / "mem").touch()

    assert read_file(ReadFile(uri(directory / "mem")), LIMITS).content == b""
    write_file(WriteFile(uri(directory / "mem"), b"x"), LIMITS)
    assert (directory / "mem").read_bytes() == b"x"
