"""A machine with telexec installed as the documentation says."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.deploy.machine import IMAGE, Machine, running_machine
from tests.harness.distribution import ROOT, build_distribution, checked
from tests.harness.required import skip_unless_required

PYTHON_OF_THE_IMAGE = "3.11"


def commands_under(heading: str) -> str:
    """Return the shell commands that docs/operations.md has under a heading."""
    text = (ROOT / "docs/operations.md").read_text()
    section = text.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="package")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Return a machine that telexec was installed on, by what the documentation says."""
    if shutil.which("docker") is None:
        skip_unless_required("cannot find docker")
    look = ["docker", "image", "inspect", IMAGE]
    if subprocess.run(look, check=False, capture_output=True).returncode != 0:
        skip_unless_required(f"cannot find the image {IMAGE}: run .ci/systemd-image")
    wheels = tmp_path_factory.mktemp("wheels")
    wheel = build_distribution(tmp_path_factory.mktemp("dist")).wheel
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    fetch += [f"--python-version={PYTHON_OF_THE_IMAGE}", f"--dest={wheels}"]
    checked([*fetch, f"telexec[cli,service] @ {wheel.as_uri()}"], ROOT)
    with running_machine() as booted:
        booted.put(wheels, "/wheels")
        booted.run(commands_under("systemd"), PIP_NO_INDEX="1", PIP_FIND_LINKS="/wheels")
        yield booted


@pytest.fixture
def unit(machine: Machine) -> Iterator[Machine]:
    """Return the machine with the unit running; whatever a test did to it is undone."""
    machine.run("systemctl start telexec")
    yield machine
    machine.run(
        "rm -rf /etc/systemd/system/telexec.service.d && systemctl daemon-reload"
        " && systemctl reset-failed telexec && systemctl stop telexec"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what boots the machine: it needs an engine and the package index, and takes a while."""
    for item in items:
        if isinstance(item, pytest.Function) and "machine" in item.fixturenames:
            item.add_marker(pytest.mark.systemd)
            item.add_marker(pytest.mark.packaging)
            item.add_marker(pytest.mark.timeout(600))
