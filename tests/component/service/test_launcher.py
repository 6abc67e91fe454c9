"""The launcher as a program: what it writes where it is told to, and what it becomes then."""

import os
import subprocess
from pathlib import Path

import pytest

from telexec_service.processes.launcher import CANNOT, executable
from tests.harness import programs
from tests.harness.required import required_program


class Launched:
    """The launcher of a machine as a file, run by that machine or an emulator of it."""

    def __init__(self, machine: str, directory: Path) -> None:
        file = directory / "launcher"
        file.write_bytes(executable(machine))
        file.chmod(0o755)
        self.argv = [str(file)]
        if machine != os.uname().machine:
            emulator = required_program(f"qemu-{machine}-static", "qemu-user-static")
            self.argv = [emulator, str(file)]
        self.told = directory / "told"

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, bytes, bytes]:
        """Run it with a file in the place of `cgroup.procs`; return exit code and output."""
        script = 'exec 3>"$1"; shift; exec "$@"'
        done = subprocess.run(
            programs.shell(script, str(self.told), *self.argv, *arguments),
            check=False,
            capture_output=True,
            env=env,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(params=["x86_64", "aarch64"])
def launched(request: pytest.FixtureRequest, tmp_path: Path) -> Launched:
    """Return the launcher of each machine that there is one for."""
    return Launched(request.param, tmp_path)


def test_it_enters_before_it_becomes_the_program(launched: Launched) -> None:
    (cat,) = programs.tool("cat")
    assert launched.run(cat, "cat", str(launched.told)) == (0, b"0", b"")


def test_it_passes_arguments_and_environment_on(launched: Launched) -> None:
    code, output, _ = launched.run(
        "/bin/sh", "me", "-c", 'echo "$0|$1|$A"', "", "x y", env={"A": "b"}
    )
    assert (code, output) == (0, b"|x y|b\n")


def test_it_leaves_no_descriptor_open(launched: Launched) -> None:
    code, output, _ = launched.run("/bin/sh", "sh", "-c", "echo no >&3 2>/dev/null || echo closed")
    assert (code, output) == (0, b"closed\n")


def test_without_a_program_it_only_enters(launched: Launched) -> None:
    assert launched.run() == (0, b"", b"")
    assert launched.told.read_bytes() == b"0"


def test_what_cannot_be_executed_is_said(launched: Launched) -> None:
    code, output, said = launched.run("/none", "none")
    assert (code, output) == (CANNOT, b"")
    assert said == b"telexec: cannot execute the program in its cgroup\n"


def test_where_it_cannot_enter_it_becomes_nothing(launched: Launched) -> None:
    done = subprocess.run(
        [*launched.argv, "/bin/echo", "echo", "no"], check=False, capture_output=True
    )
    assert (done.returncode, done.stdout) == (CANNOT, b"")
