"""A host's profiles through the client: choosing one, asking why, and being refused."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from telexec_client import (
    UNIFIED_EXEC,
    Client,
    EnvironmentPolicy,
    connect,
    errors,
    overlay_of,
    proxy_variables,
    sandbox_markers,
    thread_ids,
)
from tests.harness import programs
from tests.harness.frame_tap import FrameTap, frame_tap
from tests.harness.server import Server
from tests.harness.service import running_service

pytestmark = pytest.mark.both_loops

CONFIG = """
[env]
set = { BY = "default" }
exclude = ["EXTRA"]

[env.profiles.ci]
inherit = "core"
set = { BY = "ci" }

[env.overlay]
fixed = ["PINNED"]
"""

STRICT = """
[env.profiles.ci]
inherit = "core"

[env.requests]
policy = "off"
exact = false
"""

HOSTS = {"HOST_ONLY": "h", "EXTRA": "e", "PINNED": "p", "DB_PASSWORD": "swordfish"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory.mktemp("host"), config=CONFIG, env=HOSTS) as server:
        yield server


@pytest.fixture(scope="module")
def strict_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory.mktemp("strict"), config=STRICT) as server:
        yield server


@pytest_asyncio.fixture
async def tap(host: Server) -> AsyncIterator[FrameTap]:
    async with frame_tap(host.url) as tapped:
        yield tapped


@pytest_asyncio.fixture
async def client(tap: FrameTap) -> AsyncIterator[Client]:
    async with connect(tap.url) as connected:
        yield connected


def variables(output: bytes) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in output.decode().split("\0") if entry)
    return {name: value for name, _, value in pairs}


async def test_by_default_the_hosts_own_policy_is_asked_for_by_name(
    client: Client, tap: FrameTap
) -> None:
    assert client.extensions is not None
    assert list(client.extensions.env_profiles) == ["default", "ci"]
    done = await client.run(programs.print_environment(), env={"ASKED_FOR": "x"})
    seen = variables(done.stdout)
    assert seen.items() >= {"BY": "default", "HOST_ONLY": "h", "ASKED_FOR": "x"}.items()
    assert not seen.keys() & {"EXTRA", "DB_PASSWORD"}
    (start,) = tap.params("process/start")
    assert start["envProfile"] == "default"
    assert start["envPolicy"] is None
    assert start["env"] == {"ASKED_FOR": "x"}


async def test_another_profile_can_be_chosen_and_names_taken_out_of_it(client: Client) -> None:
    done = await client.run(programs.print_environment(), env_profile="ci", unset=["LANG"])
    seen = variables(done.stdout)
    assert seen["BY"] == "ci"
    assert not seen.keys() & {"HOST_ONLY", "LANG"}


async def test_a_start_tells_how_its_environment_was_made(client: Client) -> None:
    argv = programs.succeed()
    async with client.start(argv, env={"A": "1"}, env_profile="ci") as process:
        made = process.environment
    async with client.start(argv, env={"A": "1"}, env_policy=None) as process:
        exact = process.environment
    assert made is not None
    assert exact is not None
    assert (made.profile, made.set, made.overlaid) == ("ci", 1, 1)
    assert (exact.profile, exact.inherited, exact.set, exact.overlaid) == (None, 0, 0, 1)
    assert made.digest != exact.digest


async def test_an_explanation_is_what_a_start_with_the_same_arguments_then_gets(
    client: Client,
) -> None:
    env = {"A": "1", "BY": "request"}
    unset = ["HOST_ONLY"]
    explained = await client.explain_env(env=env, unset=unset, values=True)
    done = await client.run(programs.print_environment(), env=env, unset=unset)
    told = {variable.name: variable.value for variable in explained.variables}
    assert told == variables(done.stdout)
    origins = {variable.name: variable.origin for variable in explained.variables}
    assert origins.items() >= {"A": "overlay", "BY": "overlay", "HOME": "host"}.items()
    dropped = {variable.name: variable.rule for variable in explained.dropped}
    assert dropped.items() >= {"EXTRA": "exclude EXTRA", "HOST_ONLY": "unset"}.items()
    assert dropped["DB_PASSWORD"].startswith("hidden @credentials")
    assert (explained.profile, explained.refused) == ("default", [])


async def test_values_are_explained_only_when_asked_for_and_secrets_never(client: Client) -> None:
    env = {"MY_PASSWORD": "swordfish", "A": "1"}
    silent = await client.explain_env(env=env, env_policy=None)
    assert [variable.value for variable in silent.variables] == [None, None]
    told = await client.explain_env(env=env, env_policy=None, values=True)
    assert {variable.name: variable.value for variable in told.variables} == {
        "A": "1",
        "MY_PASSWORD": None,
    }


async def test_every_variable_that_the_host_does_not_take_is_told_with_its_rule(
    client: Client,
) -> None:
    env = {"LD_PRELOAD": "x", "PINNED": "mine", "FINE": "y"}
    expected = {
        "BASH_ENV": "deny @shell BASH_ENV",
        "LD_PRELOAD": "deny @loader LD_*",
        "PINNED": "fixed PINNED",
    }
    with pytest.raises(errors.EnvironmentRefusedError) as refusal:
        await client.run(programs.succeed(), env=env, unset=["BASH_ENV"])
    assert {variable.name: variable.rule for variable in refusal.value.refused} == expected
    assert "@loader" in (refusal.value.accepted or "")
    explained = await client.explain_env(env=env, unset=["BASH_ENV"])
    assert {variable.name: variable.rule for variable in explained.refused} == expected


async def test_a_profile_that_is_not_there_names_those_that_are(client: Client) -> None:
    with pytest.raises(errors.ProfileUnknownError) as error:
        await client.run(programs.succeed(), env_profile="cii")
    assert error.value.profiles == ("default", "ci")
    with pytest.raises(errors.ProfileUnknownError) as error:
        await client.explain_env(env_profile="cii")
    assert error.value.profiles == ("default", "ci")


@pytest.mark.parametrize("policy", [EnvironmentPolicy(), None])
async def test_a_host_that_wants_no_policies_names_its_profiles(
    strict_host: Server, policy: EnvironmentPolicy | None
) -> None:
    async with connect(strict_host.url) as client:
        with pytest.raises(errors.PolicyRefusedError) as error:
            await client.run(programs.succeed(), env_policy=policy)
        assert error.value.profiles == ("default", "ci")
        with pytest.raises(errors.PolicyRefusedError):
            await client.explain_env(env_policy=policy)
        done = await client.run(programs.print_environment())
        assert "PATH" in variables(done.stdout)


async def test_a_profile_and_a_policy_exclude_each_other(client: Client, tap: FrameTap) -> None:
    policy = EnvironmentPolicy()
    with pytest.raises(errors.EnvironmentChoiceError):
        await client.run(programs.succeed(), env_policy=policy, env_profile="ci")
    with pytest.raises(errors.EnvironmentChoiceError):
        await client.explain_env(env_policy=None, env_profile="ci")
    assert "process/start" not in tap.methods()
    assert "env/explain" not in tap.methods()


async def test_the_deltas_of_a_runtime_reach_a_process_over_the_hosts_environment(
    client: Client,
) -> None:
    delta = (
        UNIFIED_EXEC
        | thread_ids(thread_id="t", session_id="s", tool_call_id="c")
        | proxy_variables(https="http://proxy:1", bypass=["localhost"])
        | sandbox_markers("none", has_network=False)
    )
    done = await client.run(programs.print_environment(), env=delta.variables, unset=delta.unset)
    seen = variables(done.stdout)
    assert seen.items() >= delta.variables.items()
    assert (seen["BY"], seen["HOST_ONLY"]) == ("default", "h")


async def test_with_an_overlay_a_host_like_us_gives_the_environment_that_was_wanted(
    client: Client,
) -> None:
    policy = EnvironmentPolicy(set={"BY": "us"})
    everything = await client.run(
        programs.print_environment(), env_policy=EnvironmentPolicy(ignore_default_excludes=True)
    )
    local = variables(everything.stdout)
    wanted = {**local, "HOST_ONLY": "other", "NEW": "n=1\n", "EMPTY": ""}
    del wanted["EXTRA"], wanted["HOME"]
    overlay = overlay_of(wanted, policy, local)
    done = await client.run(
        programs.print_environment(),
        env=overlay.variables,
        unset=overlay.unset,
        env_policy=policy,
    )
    assert variables(done.stdout) == wanted


async def test_the_embedded_host_has_a_policy_too_for_who_asks_for_it() -> None:
    async with connect() as client:
        done = await client.run(programs.print_environment(), env_profile="default")
        assert "PATH" in variables(done.stdout)
        explained = await client.explain_env(env={"A": "1"})
        assert [(variable.name, variable.origin) for variable in explained.variables] == [
            ("A", "overlay")
        ]
