"""The unit, its drop-ins and its configuration are what systemd and the service take."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from telexec_service.app import CLOSE_DEADLINE_S, KILL_DEADLINE_S
from telexec_service.config import Shutdown
from tests.deploy.unit_file import DEPLOY, UnitFile
from tests.harness.deadline import DEADLINE_S
from tests.harness.required import required_program
from tests.harness.server import minimal_environment

PREFIX = "/opt/telexec/bin"
DROP_INS = sorted(DEPLOY.glob("*.conf"))


def installed_unit(directory: Path) -> Path:
    """Return the unit as it would be where the service is installed: its program has to exist."""
    unit = directory / "telexec.service"
    text = (DEPLOY / "telexec.service").read_text()
    unit.write_text(text.replace(PREFIX, str(Path(sys.executable).parent)))
    return unit


def verified(unit: Path) -> str:
    """Return what systemd finds wrong with a unit and its drop-ins."""
    required_program("systemd-analyze", "systemd")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE_S,
    )
    return done.stdout or f"exit code {done.returncode}" * (done.returncode != 0)


@pytest.mark.systemd
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    assert verified(installed_unit(tmp_path)) == ""


@pytest.mark.systemd
@pytest.mark.parametrize("drop_in", DROP_INS, ids=lambda file: file.name)
def test_systemd_finds_nothing_wrong_with_a_drop_in(tmp_path: Path, drop_in: Path) -> None:
    unit = installed_unit(tmp_path)
    directory = tmp_path / "telexec.service.d"
    directory.mkdir()
    shutil.copy(drop_in, directory)
    assert verified(unit) == ""
    # It was looked at.
    (directory / drop_in.name).write_text(drop_in.read_text() + "\n[Service]\nNoSuchThing=1\n")
    assert "NoSuchThing" in verified(unit)


def test_the_service_takes_the_command_and_the_configuration_of_the_unit(tmp_path: Path) -> None:
    unit = UnitFile(DEPLOY / "telexec.service")
    program, *flags = shlex.split(unit.one("ExecStart"))
    assert program == f"{PREFIX}/telexec-service"
    configuration = tmp_path / "telexec/config.toml"
    configuration.parent.mkdir()
    shutil.copy(DEPLOY / "config.toml", configuration)
    environment = {
        name: value.replace("%E", str(tmp_path)).replace("%t", str(tmp_path))
        for name, value in unit.environment().items()
    }
    assert environment["TELEXEC_CONFIG"] == str(configuration)
    done = subprocess.run(
        [sys.executable, "-m", "telexec_service", *flags, "config", "check"],
        check=False,
        capture_output=True,
        env=minimal_environment(tmp_path) | environment,
        text=True,
        timeout=DEADLINE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_waits_for_as_long_as_the_default_configuration_takes_to_end() -> None:
    shutdown = Shutdown()
    longest_s = shutdown.drain_s + shutdown.kill_grace_s + KILL_DEADLINE_S + CLOSE_DEADLINE_S
    assert int(UnitFile(DEPLOY / "telexec.service").one("TimeoutStopSec")) > longest_s
