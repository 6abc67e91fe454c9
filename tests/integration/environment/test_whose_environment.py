"""A process gets its host's environment and what it was sent, by whatever way it is started."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.codex import ORCHESTRATOR_SECRET, RemoteUrl, run_codex
from tests.harness.deadline import DEADLINE_S
from tests.harness.scripted_model import Script, exec_command, until_exit
from tests.harness.server import Server, minimal_environment
from tests.harness.service import running_service
from tests.integration.cli.command import TELEXEC
from tests.integration.environment.reporters import PIPES_OR_PTY, parse_block

ORCHESTRATOR = {
    "HOME": "/orch",
    "PATH": "/orch/bin:/usr/bin:/bin",
    "ORCH_SECRET": "x",
    "ORCH_NAMED": "named",
    "LANG": "orch",
}
"""What the caller runs with; it names `ORCH_NAMED` and nothing else."""

SENT = {"DELTA": "d", "HOST_CHANGED": "changed", "ORCH_NAMED": "named"}
UNSET = "HOST_UNWANTED"

CONFIG = """
[env.profiles.ci]
exclude = ["HOST_LOCAL"]
set = { CI = "1" }
"""

LIBRARY = """
import asyncio, os, sys
from telexec_client import EnvironmentPolicy, connect

CHOICES = {
    "profile": {"env_profile": "ci"},
    "policy": {"env_policy": EnvironmentPolicy(exclude=["HOST_LOCAL"], set={"CI": "1"})},
    "overlay": {},
}

async def main(url, choice, tty):
    async with connect(url) as client:
        done = await client.run(
            ["report"],
            env={"DELTA": "d", "HOST_CHANGED": "changed", "ORCH_NAMED": os.environ["ORCH_NAMED"]},
            unset=["HOST_UNWANTED"],
            tty=tty == "pty",
            check=True,
            **CHOICES[choice],
        )
    sys.stdout.buffer.write(done.stdout)

asyncio.run(main(*sys.argv[1:]))
"""

CLI_CHOICES = {
    "profile": ["--profile", "ci"],
    "policy": ["--inherit", "core"],
    "overlay": [],
}


@dataclass(frozen=True)
class Host:
    """A running service and what it was started with."""

    server: Server
    environment: Mapping[str, str]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Return a host with secrets, and a program that only its own PATH leads to."""
    directory = tmp_path_factory.mktemp("host")
    programs = directory / "bin"
    programs.mkdir()
    report = programs / "report"
    report.write_text("#!/bin/sh\nod -An -v -tx1 /proc/$$/environ; :\n")
    report.chmod(0o755)
    home = directory / "home"
    home.mkdir()
    env = {
        "HOME": str(home),
        "PATH": f"{programs}:{minimal_environment(home)['PATH']}",
        "LANG": "C.UTF-8",
        "HOST_ONLY": "h",
        "HOST_LOCAL": "l",
        "HOST_CHANGED": "before",
        "HOST_UNWANTED": "u",
        "AWS_SECRET_ACCESS_KEY": "s",
        "TELEXEC_TOKEN_FILE": "t",
    }
    with running_service(directory, env=env, config=CONFIG) as server:
        yield Host(server, env)


def visible(host: Host) -> dict[str, str]:
    """Return what of the host's environment is no secret."""
    secrets = {"AWS_SECRET_ACCESS_KEY", "TELEXEC_TOKEN_FILE"}
    return {name: value for name, value in host.environment.items() if name not in secrets}


def expected(host: Host, caller: str, choice: str) -> dict[str, str]:
    """Return what a child must see, and not a variable more."""
    inherited = visible(host)
    if choice == "overlay":
        given: dict[str, str] = inherited
    elif caller == "command line" and choice == "policy":
        given = {name: inherited[name] for name in ("HOME", "PATH", "LANG")}
    else:
        given = {k: v for k, v in inherited.items() if k != "HOST_LOCAL"} | {"CI": "1"}
    return {name: value for name, value in (given | SENT).items() if name != UNSET}


def run(argv: list[str]) -> dict[str, str]:
    """Return the environment that a caller with its own one is told of."""
    done = subprocess.run(
        argv, capture_output=True, check=False, env=ORCHESTRATOR, timeout=DEADLINE_S
    )
    assert done.returncode == 0, done.stderr.decode()
    return parse_block(bytes.fromhex(done.stdout.decode()))


@pytest.mark.parametrize("terminal", PIPES_OR_PTY)
@pytest.mark.parametrize("choice", ["profile", "policy", "overlay"])
def test_the_library_gives_the_hosts_environment_and_the_deltas(
    host: Host, choice: str, terminal: str
) -> None:
    seen = run([sys.executable, "-c", LIBRARY, host.server.url, choice, terminal])

    assert seen == expected(host, "library", choice)


@pytest.mark.parametrize("terminal", PIPES_OR_PTY)
@pytest.mark.parametrize("choice", ["profile", "policy", "overlay"])
def test_the_command_line_gives_the_hosts_environment_and_the_deltas(
    host: Host, choice: str, terminal: str
) -> None:
    options = ["--url", host.server.url, *CLI_CHOICES[choice], "--unset", UNSET]
    options += ["-e", "DELTA=d", "-e", "HOST_CHANGED=changed", "-e", "ORCH_NAMED"]
    options += ["-t"] if terminal == "pty" else []

    seen = run([TELEXEC, "run", *options, "--", "report"])

    assert seen == expected(host, "command line", choice)


@pytest.mark.codex
@pytest.mark.parametrize("tty", PIPES_OR_PTY.values(), ids=PIPES_OR_PTY)
async def test_codex_gives_the_hosts_environment_and_its_deltas(
    host: Host, codex: Path, tmp_path: Path, *, tty: bool
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    blocks: list[str] = []

    def script() -> Script:
        # Of the shell that the host started, before any start-up file of it was read.
        result = yield exec_command("od -An -v -tx1 /proc/$$/environ; :", tty=tty)
        exit_code, printed = yield from until_exit(result)
        assert exit_code == 0
        blocks.append(printed)

    await run_codex(
        codex,
        RemoteUrl(host.server.url),
        script(),
        directory=tmp_path / "codex",
        workspace=workspace,
        inherit="all",
    )
    seen = parse_block(bytes.fromhex(blocks[0]))
    assert visible(host).items() <= seen.items()
    assert seen["TERM"] == "dumb"
    assert seen.keys().isdisjoint({"AWS_SECRET_ACCESS_KEY", "TELEXEC_TOKEN_FILE"})
    assert seen.keys().isdisjoint({ORCHESTRATOR_SECRET, "MODEL_KEY", "CODEX_HOME"})
    assert not any(str(tmp_path / "codex") in value for value in seen.values())
