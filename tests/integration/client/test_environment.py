"""Whose environment a process gets."""

from pathlib import Path

import pytest

from telexec_client import Client, EnvironmentPolicy, connect, errors
from telexec_schemas.environment_policy import CORE_NAMES
from tests.harness import programs
from tests.harness.service import running_service

SECRET = "CALLER_ONLY"


@pytest.fixture(autouse=True)
def caller_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, "leak")
    monkeypatch.setenv("CALLER_API_KEY", "leak")


async def names_in(client: Client) -> set[str]:
    done = await client.run(programs.print_environment(), env={"ASKED_FOR": "x"})
    return {pair.split("=", 1)[0] for pair in done.stdout.decode().split("\0") if pair}


async def test_a_remote_process_gets_its_hosts_environment_and_nothing_of_ours(
    tmp_path: Path,
) -> None:
    env = {"HOST_VARIABLE": "h", "HOST_API_KEY": "k"}
    with running_service(tmp_path, env=env) as server:
        async with connect(server.url) as client:
            names = await names_in(client)
    assert {"HOST_VARIABLE", "PATH", "HOME", "ASKED_FOR"} <= names
    assert not names & {SECRET, "CALLER_API_KEY", "HOST_API_KEY"}


async def test_an_embedded_process_gets_exactly_what_it_is_given() -> None:
    async with connect() as client:
        assert client.is_embedded
        assert await names_in(client) == {"ASKED_FOR"}


async def test_even_the_embedded_service_itself_gets_no_variable_but_the_core_ones() -> None:
    async with connect() as client:
        done = await client.run(
            programs.print_environment(),
            env_policy=EnvironmentPolicy(inherit="all", ignore_default_excludes=True),
        )
    names = {pair.split("=", 1)[0] for pair in done.stdout.decode().split("\0") if pair}
    assert "PATH" in names
    assert names <= CORE_NAMES


async def test_a_name_that_the_host_does_not_take_is_refused_and_named(client: Client) -> None:
    with pytest.raises(errors.EnvironmentRefusedError, match="LD_PRELOAD"):
        await client.run(programs.succeed(), env={"LD_PRELOAD": "/tmp/x.so", "FINE": "x"})
    with pytest.raises(errors.EnvironmentRefusedError):
        await client.run(programs.succeed(), env={"A=B": "x"})


@pytest.mark.both_loops
async def test_on_the_embedded_host_any_variable_may_be_set_because_it_is_the_callers() -> None:
    wanted = {"LD_LIBRARY_PATH": "/lib/mine", "IFS": ":", "PS4": "+ "}
    async with connect() as client:
        done = await client.run(["cat", "/proc/self/environ"], env=wanted)

    assert done.stdout == b"".join(f"{name}={wanted[name]}\0".encode() for name in wanted)
