"""Executors that run out of what they are given."""

from pathlib import Path

from tests.compose.project import Project

HOG = "data = bytearray(1 << 30); data[::4096] = bytes(len(data) // 4096)"


def test_a_memory_limit_ends_the_process_and_not_the_service(
    project: Project, tmp_path: Path
) -> None:
    limits = ["--memory", "160m", "--memory-swap", "160m"]
    with project.executor(*limits, directory=tmp_path) as spare:
        before = spare.state
        argv = ["/opt/telexec/bin/python3", "-c", HOG]
        with project.program("watch", "spare", *argv) as watching:
            assert "pid" in watching.next()
            ended = watching.next()
        assert (ended["exit_code"], ended["signal"]) == (137, "SIGKILL")
        with project.program("watch", "spare", "echo", "serves on") as works:
            assert "pid" in works.next()
            assert works.next() == {"line": "serves on"}
        after = spare.state
        assert after["Running"]
        assert (after["Pid"], after["StartedAt"]) == (before["Pid"], before["StartedAt"])


def test_a_full_disk_is_an_error_of_who_fills_it(project: Project, tmp_path: Path) -> None:
    small = ["--tmpfs", "/workspace:size=1m,uid=65532,gid=65532"]
    with project.executor(*small, directory=tmp_path):
        seen = project.report("files", "spare", "/workspace")
    error, text = seen["write"]
    assert error.endswith("Error")
    assert "No space left" in text or "no space left" in text
    assert seen["dd"][0] == 1
    assert "No space left on device" in seen["dd"][1]
    assert (seen["rm"], seen["small"]) == (0, "fits")
