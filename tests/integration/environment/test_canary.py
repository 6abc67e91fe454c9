"""A service that would let a child see what it hides does not serve."""

import subprocess
from pathlib import Path

import pytest

from tests.harness.deadline import DEADLINE_S
from tests.harness.raw_peer import raw_peer
from tests.harness.server import minimal_environment
from tests.harness.service import LOOPBACK, running_service, service_argv
from tests.integration.environment.reporters import environment_of


def refused(directory: Path, config: str, **env: str) -> str:
    """Return what a service says that must not serve."""
    file = directory / "config.toml"
    file.write_text(config)
    done = subprocess.run(
        service_argv(LOOPBACK, "--no-auth", "--config", str(file)),
        capture_output=True,
        check=False,
        env=minimal_environment(directory) | env,
        cwd=directory,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 1
    assert done.stdout == "", "it said that it serves"
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("profile", ["default", "first", "last"])
def test_every_profile_is_looked_at_before_anybody_is_served(tmp_path: Path, profile: str) -> None:
    tables = {name: f"[env.profiles.{name}]\n" for name in ("first", "last")}
    tables = {"default": "[env]\n", **tables}
    tables[profile] += 'set = { HOST_PASSWORD = "not the same, but who knows" }\n'

    said = refused(tmp_path, "".join(tables.values()), HOST_PASSWORD="s3cret")

    assert said == (
        f"telexec-service: cannot serve: a process under the profile {profile!r} sees the hidden"
        " HOST_PASSWORD"
    )


def test_a_profile_in_which_no_program_can_be_found_is_no_reason_not_to_serve(
    tmp_path: Path,
) -> None:
    config = '[env.profiles.odd]\nset = { PATH = "/nowhere" }\n'
    with running_service(tmp_path, config=config, env={"HOST_PASSWORD": "s"}) as server:
        assert server.exit_code is None


def test_a_profile_that_cannot_be_looked_at_is_one(tmp_path: Path) -> None:
    config = "[env.overlay]\nmax_variables = 2\n"

    said = refused(tmp_path, config, HOST_PASSWORD="s3cret")

    assert said.startswith("telexec-service: cannot ")
    assert "max_variables" in said


async def test_the_same_value_may_be_given_by_the_host_where_nothing_hides_it(
    tmp_path: Path,
) -> None:
    config = '[env]\nhide = []\nset = { HOST_PASSWORD = "given" }\n'
    with running_service(tmp_path, config=config, env={"HOST_PASSWORD": "s"}) as server:
        async with raw_peer(server.url) as peer:
            seen = await environment_of(peer, envProfile="default")
    assert seen["HOST_PASSWORD"] == "given"
