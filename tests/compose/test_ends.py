"""Executors and orchestrators that end, by themselves or not."""

import re
import subprocess
from pathlib import Path

from tests.compose.docker import docker
from tests.compose.project import Project
from tests.harness.deadline import eventually_blocking


def test_a_killed_executor_is_a_clear_error_and_works_again_after_a_start(
    project: Project, tmp_path: Path
) -> None:
    with (
        project.executor(directory=tmp_path) as spare,
        project.program("watch", "spare", "sleep", "1000") as watching,
    ):
        assert "pid" in watching.next()
        docker("kill", spare.name)
        told = watching.next()
        assert told["error"] == "SessionLostError"
        assert "cannot" in told["text"]

        docker("start", spare.name)
        spare.until_healthy()
        with project.program("watch", "spare", "echo", "again") as works:
            assert "pid" in works.next()
            assert works.next() == {"line": "again"}
            assert works.next()["exit_code"] == 0


STAYS = """
telexec-service &
service=$!
trap 'kill -TERM $service' TERM
until wait $service; [ ! -e /proc/$service ]; do :; done
wait $service
echo "exit code $?"
for each in /proc/[0-9]*; do
    [ $each = /proc/$$ ] || echo "left: $(tr '\\0' ' ' < $each/cmdline) $(cat $each/stat)"
done
exec sleep infinity
"""
"""A first process that outlives the service, and so inherits whatever that leaves behind."""


def test_a_stopped_executor_gives_commands_their_grace_and_leaves_nothing(
    project: Project, tmp_path: Path
) -> None:
    config = "[shutdown]\ndrain_s = 20.0\nkill_grace_s = 20.0\n"
    soon = "echo ready; until [ -e /workspace/go ]; do sleep 0.05; done; exit 5"
    with (
        project.executor(
            *(
                "--entrypoint",
                "/bin/sh",
                "--init=false",
                "--tmpfs",
                "/workspace:uid=65532,gid=65532",
            ),
            config=config,
            directory=tmp_path,
            command=["-c", STAYS],
        ) as spare,
        project.program("watch", "spare", "sh", "-c", soon) as draining,
        project.program("watch", "spare", "sh", "-c", "(setsid sleep 1003 &); exit 0") as leaving,
    ):
        assert "pid" in draining.next()
        assert draining.next() == {"line": "ready"}
        assert "pid" in leaving.next()
        docker("kill", "--signal", "TERM", spare.name)
        eventually_blocking(lambda: "service.draining" in spare.log(), what="the drain")
        spare.execute("touch", "/workspace/go")
        assert draining.next() == {"exit_code": 5, "signal": None, "reason": "exited"}
        ended = eventually_blocking(
            lambda: spare.log().partition("exit code ")[2], what="the end of the service"
        )
        assert ended.split("\n")[0] == "0"
        eventually_blocking(lambda: spare.processes() == ["sleep infinity"], what="nobody else")
        # A health check that runs just then is the engine's, also while it is still being put in.
        foreign = "telexec-service ready|runc|self/exe init"
        left = re.findall(rf"^left: (?!.*(?:{foreign})).*$", spare.log(), re.MULTILINE)
        assert left == []


def test_docker_stop_ends_the_container_with_0_and_tells_the_client(
    project: Project, tmp_path: Path
) -> None:
    config = "[shutdown]\ndrain_s = 0.0\nkill_grace_s = 5.0\n"
    script = "trap 'echo tidying up; exit 4' TERM; echo ready; while :; do sleep 0.05; done"
    with (
        project.executor(config=config, directory=tmp_path) as spare,
        project.program("watch", "spare", "sh", "-c", script) as watching,
    ):
        assert "pid" in watching.next()
        assert watching.next() == {"line": "ready"}
        with subprocess.Popen(
            ["docker", "stop", "-t", "60", spare.name], stdout=subprocess.DEVNULL
        ):
            assert watching.next() == {"line": "tidying up"}
            assert watching.next() == {"exit_code": 4, "signal": None, "reason": "shutdown"}
        state = spare.state
        assert (state["Running"], state["ExitCode"], state["OOMKilled"]) == (False, 0, False)


def test_a_second_sigterm_takes_the_time_for_draining_away(
    project: Project, tmp_path: Path
) -> None:
    config = "[shutdown]\ndrain_s = 3600.0\n"
    with (
        project.executor(config=config, directory=tmp_path) as spare,
        project.program("watch", "spare", "sleep", "1005") as watching,
    ):
        assert "pid" in watching.next()
        docker("kill", "--signal", "TERM", spare.name)
        eventually_blocking(lambda: "service.draining" in spare.log(), what="the drain")
        assert "sleep 1005" in spare.processes()
        docker("kill", "--signal", "TERM", spare.name)
        assert watching.next()["reason"] == "shutdown"
        assert docker("wait", spare.name) == "0"


def test_the_processes_of_a_killed_orchestrator_end_with_its_lease(
    project: Project, tmp_path: Path
) -> None:
    config = "[sessions]\nlease_s = 1.0\n"
    with (
        project.executor(config=config, directory=tmp_path) as spare,
        project.orchestrator() as orchestrator,
        project.program("watch", "spare", "sleep", "1004", inside=orchestrator) as watching,
    ):
        assert "pid" in watching.next()
        assert "sleep 1004" in spare.processes()
        docker("kill", orchestrator.name)
        eventually_blocking(lambda: "sleep 1004" not in spare.processes(), what="its end")
        assert is_serving(project)
        assert spare.state["Running"]


def is_serving(project: Project) -> bool:
    """Whether the spare executor runs commands."""
    with project.program("watch", "spare", "true") as works:
        works.next()
        return bool(works.next()["exit_code"] == 0)
