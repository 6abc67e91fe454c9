"""Nothing of a poisoned environment leaves its process: library, command and embedded host."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from telexec_client import UNIFIED_EXEC, EnvironmentPolicy, connect, connect_command
from telexec_client.process import Process
from telexec_schemas.environment_policy import CORE_NAMES
from tests.harness import programs
from tests.harness.deadline import DEADLINE_S, within
from tests.harness.frame_tap import FrameTap, frame_tap
from tests.harness.server import Server
from tests.integration.cli.command import telexec

MARK = "poison"

CORE = {name: f"/{MARK}/{name}" for name in ("HOME", "LOGNAME", "SHELL", "TMPDIR", "USER")}
"""What a local program may know of us, but no host on another machine."""

REST = {
    "ALL_PROXY": f"socks5h://{MARK}:1",
    "AWS_SECRET_ACCESS_KEY": MARK,
    "BASH_ENV": f"/{MARK}/bash_env",
    "EDITOR": f"/{MARK}/vi",
    "GITHUB_TOKEN": MARK,
    "LC_POISON": MARK,
    "LD_LIBRARY_PATH": f"/{MARK}/lib",
    "NO_COLOR_POISON": "",
    "TELEXEC_CONFIG": f"/{MARK}/config.toml",
    "TELEXEC_LISTEN": MARK,
    "TELEXEC_LOG_LEVEL": MARK,
    "TERM": MARK,
    "http_proxy": f"http://{MARK}:1",
    "https_proxy": f"http://{MARK}:1",
}
"""What nobody gets at all."""


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Poison the environment of this process, and return it for others."""
    path = {"PATH": f"/{MARK}/bin:{os.environ['PATH']}"}
    environment = CORE | REST | path
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


class Recorder:
    """Stands where Python stands, notes what it is started with, and becomes Python."""

    def __init__(self, directory: Path) -> None:
        self._record = directory / "environ"
        self._arguments = directory / "arguments"
        self.program = directory / "python"
        cat = programs.tool("cat")[0]
        self.program.write_text(
            "#!/bin/sh\n"
            f"{cat} /proc/$$/environ >'{self._record}'\n"
            f"printf '%s\\n' \"$@\" >'{self._arguments}'\n"
            f"exec '{sys.executable}' \"$@\"\n"
        )
        self.program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """What it was started with."""
        return variables(self._record.read_bytes())

    @property
    def arguments(self) -> list[str]:
        """What it was told."""
        return self._arguments.read_text().splitlines()


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


@pytest.fixture
def python_is_recorded(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(recorder.program))


def variables(output: bytes) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in output.decode().split("\0") if entry)
    return {name: value for name, _, value in pairs}


def poisoned(told: object) -> bool:
    return MARK in json.dumps(told, default=str).lower()


async def everything(process: Process) -> bytes:
    return (await within(process.wait(), what="the environment")).stdout


async def test_poison_would_be_noticed_if_it_were_sent(
    service: Server, poison: Mapping[str, str]
) -> None:
    async with frame_tap(service.url) as tap, connect(tap.url) as client:
        done = await client.run(programs.print_environment(), env={"TERM": os.environ["TERM"]})
    assert poisoned(tap.from_client)
    assert poisoned(variables(done.stdout))


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])
async def test_the_library_sends_a_host_nothing_of_it(
    service: Server, poison: Mapping[str, str], *, tty: bool
) -> None:
    async with frame_tap(service.url) as tap, connect(tap.url) as client:
        for policy in (EnvironmentPolicy(inherit="all", ignore_default_excludes=True), None):
            async with client.start(
                programs.print_environment(),
                env=UNIFIED_EXEC.variables,
                env_policy=policy,
                tty=tty,
            ) as process:
                seen = variables(await everything(process))
            assert seen.items() >= UNIFIED_EXEC.variables.items()
            assert not poisoned(seen)
        async with client.start(programs.print_environment(), tty=tty) as process:
            seen = variables(await everything(process))
        assert "PATH" in seen
        assert not poisoned(seen)
        assert not poisoned(str(await client.explain_env(values=True)))
    _nothing_was_sent(tap)


@pytest.mark.parametrize(
    "options", [(), ("-t",), ("-t", "--inherit", "all"), ("--inherit", "none")]
)
async def test_the_command_sends_a_host_nothing_of_it(
    service: Server, poison: Mapping[str, str], options: tuple[str, ...]
) -> None:
    async with frame_tap(service.url) as tap:
        arguments = ["run", "--url", tap.url, *options, "-e", "A=1", "--"]
        done = await asyncio.to_thread(
            telexec, *arguments, *programs.print_environment(), env=dict(poison)
        )
    assert done.exit_code == 0, done.stderr
    seen = variables(done.stdout)
    assert seen["A"] == "1"
    assert not poisoned(seen)
    _nothing_was_sent(tap)


async def test_the_command_sends_of_it_what_is_named_and_no_more(
    service: Server, poison: Mapping[str, str]
) -> None:
    async with frame_tap(service.url) as tap:
        arguments = ["run", "--url", tap.url, "--inherit", "none", "-e", "EDITOR", "--"]
        done = await asyncio.to_thread(
            telexec, *arguments, *programs.print_environment(), env=dict(poison)
        )
    assert variables(done.stdout) == {"EDITOR": poison["EDITOR"]}
    (start,) = tap.params("process/start")
    assert start.pop("env") == {"EDITOR": poison["EDITOR"]}
    assert not poisoned(start)


async def test_the_command_asks_for_an_explanation_and_sends_nothing_of_it(
    service: Server, poison: Mapping[str, str]
) -> None:
    async with frame_tap(service.url) as tap:
        arguments = ["env", "explain", "--url", tap.url, "--values", "-e", "A=1"]
        done = await asyncio.to_thread(telexec, *arguments, env=dict(poison))
    assert done.exit_code == 0, done.stderr
    assert b"A " in done.stdout
    assert "env/explain" in tap.methods()
    assert not poisoned(done.stdout)
    assert not poisoned(tap.from_client)


async def test_the_embedded_host_gets_our_core_variables_and_its_child_none(
    poison: Mapping[str, str], recorder: Recorder, python_is_recorded: None
) -> None:
    async with connect() as client:
        done = await client.run(programs.print_environment(), env={"A": "1"})
        inherited = await client.run(
            programs.print_environment(),
            env_policy=EnvironmentPolicy(inherit="all", ignore_default_excludes=True),
        )
    assert variables(done.stdout) == {"A": "1"}
    _only_core(recorder.environment)
    # The recorder is a shell, which adds the directory.
    assert variables(inherited.stdout).keys() <= recorder.environment.keys() | {"PWD"}


async def test_the_embedded_host_is_not_configured_by_what_configures_the_machines_service(
    poison: Mapping[str, str], recorder: Recorder, python_is_recorded: None
) -> None:
    async with connect() as client:
        assert client.extensions is not None
        assert list(client.extensions.env_profiles) == ["default"]
    place = recorder.arguments.index("--config")
    assert recorder.arguments[place + 1].endswith("telexec_client/transport/embedded.toml")


def test_the_command_gives_its_embedded_host_the_core_variables_and_its_child_none(
    poison: Mapping[str, str], recorder: Recorder
) -> None:
    code = (
        "import sys\n"
        "sys.executable = sys.argv.pop(1)\n"
        "from telexec_client.cli import main\n"
        "main()\n"
    )
    arguments = ["run", "-e", "A=1", "--", *programs.print_environment()]
    done = subprocess.run(
        [sys.executable, "-c", code, str(recorder.program), *arguments],
        capture_output=True,
        check=True,
        env=dict(poison),
        stdin=subprocess.DEVNULL,
        timeout=4 * DEADLINE_S,
    )
    assert variables(done.stdout) == {"A": "1"}
    _only_core(recorder.environment)


async def test_a_program_that_leads_to_a_host_gets_our_core_variables_and_no_others(
    poison: Mapping[str, str], recorder: Recorder
) -> None:
    argv = [str(recorder.program), "-P", "-m", "telexec_service", "--listen", "stdio"]
    async with connect_command(argv) as client:
        await client.run(programs.succeed())
    _only_core(recorder.environment)


def _only_core(environment: Mapping[str, str]) -> None:
    assert environment.keys() <= CORE_NAMES
    assert environment.items() >= CORE.items()


def _nothing_was_sent(tap: FrameTap) -> None:
    assert "process/start" in tap.methods()
    assert not poisoned(tap.from_client)
