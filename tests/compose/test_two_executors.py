"""Two executors and an orchestrator, each in a container with an address of its own."""

import re
from pathlib import Path

from tests.compose.project import Project


def test_a_process_has_its_hosts_environment_and_the_delta(project: Project) -> None:
    seen = project.report("environments")
    of_a, of_b = seen["executor-a"], seen["executor-b"]
    host_a = project.service("executor-a").execute("hostname")
    host_path = "/opt/telexec/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    of_a.pop("PIP_CERT", None)  # of the base image, where that had to be made
    assert of_a == {
        "BUILD_CACHE": "/workspace/cache",
        "CI": "1",
        "HOME": "/workspace",
        "HOSTNAME": host_a,
        "PATH": host_path,
        "REGION": "eu-north",
        "TASK": "of the request",
    }
    assert of_b == {
        "ACCELERATORS": "8",
        "CI": "1",
        "HOME": "/workspace",
        "PATH": host_path,
        "TASK": "of the request",
    }


def test_codex_as_the_orchestrator_gets_the_hosts_environment_too(
    project: Project, codex: Path
) -> None:
    session = project.report("codex_session", "executor-a", "env; exit 7")
    assert (session["codex"], session["exit_code"]) == (0, 7)
    variables = dict(re.findall(r"^(\w+)=(.*)$", session["printed"], re.MULTILINE))
    assert variables["REGION"] == "eu-north"
    assert variables["HOME"] == "/workspace"
    assert variables["HOSTNAME"] == project.service("executor-a").execute("hostname")
    assert "ORCHESTRATOR" not in session["printed"]
    assert "may-know" not in session["printed"]


def test_output_streams_while_the_command_runs(project: Project) -> None:
    script = "echo first; until [ -e /workspace/go ]; do sleep 0.05; done; echo second; exit 3"
    with project.program("watch", "executor-b", "sh", "-c", script) as watching:
        assert "pid" in watching.next()
        assert watching.next() == {"line": "first"}
        # It cannot have ended, for what it waits for is only made now.
        project.service("executor-b").execute("touch", "/workspace/go")
        assert watching.next() == {"line": "second"}
        assert watching.next() == {"exit_code": 3, "signal": None, "reason": "exited"}


def test_commands_spread_over_five_executors_behind_one_name(project: Project) -> None:
    project.compose("up", "-d", "--no-build", "--no-recreate", "--scale", "executor-a=5")
    executors = project.containers("executor-a")
    for executor in executors:
        executor.until_healthy()
    names = {executor.execute("hostname") for executor in executors}
    assert len(names) == 5

    printed = project.report("spread", "executor-a", "200")

    assert [int(number) for _, number in printed] == list(range(200))
    spread = [host for host, _ in printed]
    assert {host: spread.count(host) for host in names} == dict.fromkeys(names, 40)
