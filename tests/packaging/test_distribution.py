"""The built distribution holds what it should and installs clean, thin and full."""

import tarfile
import zipfile

import pytest

from tests.harness.distribution import ROOT, Distribution
from tests.packaging.conftest import Installation

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(600)]

PACKAGES = ("telexec_schemas", "telexec_client", "telexec_service")


def distributions(installation: Installation) -> set[str]:
    script = (
        "from importlib.metadata import distributions\n"
        "print(*(found.metadata['Name'] for found in distributions()))\n"
    )
    return set(installation.run("python", "-c", script).stdout.split())


def test_the_wheel_holds_the_three_packages_their_types_and_the_license(
    distribution: Distribution,
) -> None:
    with zipfile.ZipFile(distribution.wheel) as wheel:
        names = wheel.namelist()
    beside = (".dist-info", ".data")
    top_level = {name.split("/")[0] for name in names if not name.split("/")[0].endswith(beside)}
    assert top_level == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_it_takes_to_test_it(distribution: Distribution) -> None:
    with tarfile.open(distribution.sdist) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames() if "/" in name}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "tests/conftest.py"} <= names


def test_an_installation_has_the_unit_and_what_goes_with_it(full: Installation) -> None:
    installed = {file.name for file in (full.directory / "share/telexec").iterdir()}
    suffixes = {".conf", ".service", ".sysusers", ".toml"}
    there = {file.name for file in (ROOT / "deploy").iterdir() if file.suffix in suffixes}
    assert installed == there


def test_a_thin_installation_is_the_client_and_its_two_dependencies(thin: Installation) -> None:
    assert distributions(thin) == {"telexec", "msgspec", "websockets"}


def test_a_thin_installation_imports_the_client(thin: Installation) -> None:
    done = thin.run("python", "-W", "error", "-c", "import telexec_client; telexec_client.connect")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_thin_installation_says_what_the_embedded_host_needs(thin: Installation) -> None:
    script = """
import asyncio
from telexec_client import connect
from telexec_client.errors import EmbeddedHostUnavailableError

async def main():
    try:
        async with connect(None):
            print("connected")
    except EmbeddedHostUnavailableError as error:
        print(error)

asyncio.run(main())
"""
    done = thin.run("python", "-c", script)
    assert "pip install 'telexec[service]'" in done.stdout, done.stderr


def test_the_command_of_a_thin_installation_says_what_to_install(thin: Installation) -> None:
    done = thin.run("telexec", "run", "--", "true")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("telexec: cannot ")
    assert "pip install 'telexec[cli]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_full_installation_runs_a_command_on_the_embedded_host(full: Installation) -> None:
    done = full.run("telexec", "run", "-e", "GREETING=hello", "--", "sh", "-c", "echo $GREETING")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


def test_a_full_installation_has_both_commands(full: Installation) -> None:
    assert full.run("telexec", "--version").stdout.startswith("telexec ")
    assert full.run("telexec-service", "--help").returncode == 0
