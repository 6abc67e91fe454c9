import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from telexec_schemas.process import ProcessLimits
from telexec_service.processes import canary
from telexec_service.processes.canary import CanaryError, check_nothing_hidden_is_visible
from telexec_service.processes.limits import Confinement
from telexec_service.processes.marks import Marks
from telexec_service.processes.spawner import Spawner

HIDDEN = {"HOST_SECRET": "hidden *SECRET*", "TELEXEC_X": "hidden @service TELEXEC_*"}


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    opened = Spawner(Marks(), Confinement(ProcessLimits(), 0))
    yield opened
    opened.close()


def test_a_child_that_sees_nothing_hidden_is_all_right(spawner: Spawner) -> None:
    check_nothing_hidden_is_visible(
        spawner, {"HOST_SECRET_": "x", "A": "HOST_SECRET=x"}, HIDDEN, "p"
    )


def test_every_hidden_variable_that_a_child_sees_is_named_with_the_profile(
    spawner: Spawner,
) -> None:
    with pytest.raises(CanaryError, match=r"'ci' sees the hidden HOST_SECRET, TELEXEC_X$"):
        check_nothing_hidden_is_visible(
            spawner, {"A": "x" * 100_000, "TELEXEC_X": "1", "HOST_SECRET": "2"}, HIDDEN, "ci"
        )


@pytest.mark.parametrize("path", ["/nowhere", ""])
def test_a_profile_whose_path_leads_nowhere_is_looked_at_as_well(
    spawner: Spawner, path: str
) -> None:
    check_nothing_hidden_is_visible(spawner, {"PATH": path}, HIDDEN, "p")
    with pytest.raises(CanaryError):
        check_nothing_hidden_is_visible(spawner, {"PATH": path, "TELEXEC_X": "1"}, HIDDEN, "p")


def test_a_service_that_left_its_own_environment_in_sight_is_caught() -> None:
    code = (
        "from telexec_service.own_environment import take_own_environment\n"
        "from telexec_service.processes.canary import check_nothing_hidden_is_visible\n"
        "from telexec_schemas.process import ProcessLimits\n"
        "from telexec_service.processes.limits import Confinement\n"
        "from telexec_service.processes.marks import Marks\n"
        "from telexec_service.processes.spawner import Spawner\n"
        "{}\n"
        "spawner = Spawner(Marks(), Confinement(ProcessLimits(), 0))\n"
        "check_nothing_hidden_is_visible(spawner, {{'A': '1'}}, {{'HOST_SECRET': ''}}, 'p')\n"
    )

    def run(statement: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code.format(statement)],
            capture_output=True,
            check=False,
            env={"HOST_SECRET": "s"},
            text=True,
        ).stderr

    assert "a process under the profile 'p' sees the hidden HOST_SECRET" in run("")
    assert run("take_own_environment()") == ""


@pytest.mark.parametrize(
    "cat", ["#!/no/such/interpreter\n", "#!/bin/sh\nprintf 'A=1\\0'; sleep 600\n"]
)
def test_a_canary_that_does_not_say_all_that_it_sees_is_no_good_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cat: str
) -> None:
    (tmp_path / "cat").write_text(cat)
    (tmp_path / "cat").chmod(0o755)
    monkeypatch.setattr(canary, "CANARY_TIMEOUT_S", 0.1)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    opened = Spawner(Marks(), Confinement(ProcessLimits(), 0))
    try:
        with pytest.raises(CanaryError, match="cannot see what a process under the profile 'p'"):
            check_nothing_hidden_is_visible(opened, {"A": "1"}, HIDDEN, "p")
    finally:
        opened.close()
