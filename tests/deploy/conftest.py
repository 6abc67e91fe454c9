"""A machine with telexec installed as the documentation says."""

import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.deploy.documented import shell_blocks
from tests.deploy.machine import IMAGE, Machine, running_machine
from tests.harness.distribution import ROOT, build_distribution, checked
from tests.harness.required import skip_unless_required

PYTHON_OF_THE_IMAGE = "3.11"


@pytest.fixture(scope="package")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Return a machine that telexec was installed on, by what the documentation says."""
    if shutil.which("docker") is None:
        skip_unless_required("cannot find docker")
    look = ["docker", "image", "inspect", IMAGE]
    if subprocess.run(look, check=False, capture_output=True).returncode != 0:
        skip_unless_required(f"cannot find the image {IMAGE}: run .ci/machine-image")
    wheels = tmp_path_factory.mktemp("wheels")
    wheel = build_distribution(tmp_path_factory.mktemp("dist")).wheel
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    fetch += [f"--python-version={PYTHON_OF_THE_IMAGE}", f"--dest={wheels}"]
    checked([*fetch, f"telexec[cli,service] @ {wheel.as_uri()}"], ROOT)
    with running_machine() as booted:
        booted.put(wheels, "/wheels")
        # What pip would get from the package index is here.
        booted.run("printf '[global]\nno-index = true\nfind-links = /wheels\n' > /etc/pip.conf")
        booted.run(shell_blocks("systemd")[0])
        yield booted


@pytest.fixture
def unit(machine: Machine) -> Iterator[Machine]:
    """Return the machine with the unit running; whatever a test did to it is undone."""
    machine.run("systemctl start telexec")
    kept = "/etc/telexec /etc/systemd/system/telexec.service"
    machine.run(f"tar -cf /kept.tar {kept} 2>/dev/null")
    yield machine
    machine.run(
        "systemctl kill --signal=KILL telexec || true; systemctl stop telexec;"
        f"rm -rf /etc/systemd/system/telexec.service.d {kept}; tar -C / -xf /kept.tar;"
        "systemctl daemon-reload; systemctl reset-failed telexec || true"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what boots the machine: it needs an engine and the package index, and takes a while."""
    for item in items:
        if isinstance(item, pytest.Function) and "machine" in item.fixturenames:
            item.add_marker(pytest.mark.systemd)
            item.add_marker(pytest.mark.packaging)
            item.add_marker(pytest.mark.timeout(600))
