"""Whose policy makes an environment, how large it may get, and what the starter is told of it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness import programs
from tests.harness.raw_peer import FULL_POLICY, Json, PeerError, RawPeer, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.integration.environment.reporters import environment_of

HOST_ENVIRONMENT = {"A": "1", "B": "2", "API_KEY": "hidden", "TELEXEC_NOTE": "hidden"}

CONFIG = """
[env]
exclude = ["B"]
set = { C = "3" }

[env.overlay]
max_variables = 10
max_bytes = 2000

[env.requests]
policy = "off"
exact = false

[env.profiles.bare]
inherit = "none"
set = { D = "4" }
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service that decides by itself."""
    directory = tmp_path_factory.mktemp("host")
    with running_service(directory, env=HOST_ENVIRONMENT, config=CONFIG) as server:
        yield server


@pytest_asyncio.fixture
async def peer(host: Server) -> AsyncIterator[RawPeer]:
    """Return a peer of it."""
    async with raw_peer(host.url) as connected:
        yield connected


async def refusal(peer: RawPeer, **params: object) -> PeerError:
    """Return the error of a start that must fail."""
    with pytest.raises(PeerError) as got:
        await peer.start(programs.succeed(), **params)
    assert got.value.message.startswith("cannot ")
    return got.value


async def test_a_profile_is_the_hosts_own_policy_or_one_that_it_names(peer: RawPeer) -> None:
    assert peer.extensions is not None
    assert peer.extensions["envProfiles"] == ["default", "bare"]
    of_default = await environment_of(peer, envProfile="default")
    assert of_default.keys() == {"PATH", "HOME", "LANG", "A", "C"}
    assert await environment_of(peer, envProfile="bare") == {"D": "4"}


@pytest.mark.parametrize("params", [{"envPolicy": FULL_POLICY}, {}], ids=["policy", "exact"])
async def test_a_host_that_decides_by_itself_says_which_profiles_there_are(
    peer: RawPeer, params: Json
) -> None:
    error = await refusal(peer, **params)

    assert error.reason == "policyRefused"
    assert error.data["accepted"] == ["default", "bare"]
    assert "default, bare" in error.message


@pytest.mark.parametrize("name", ["defualt", "", "Default", "bare "])
async def test_a_misspelt_profile_is_told_which_ones_there_are(peer: RawPeer, name: str) -> None:
    error = await refusal(peer, envProfile=name)

    assert error.reason == "profileUnknown"
    assert error.data["subject"] == name
    assert error.data["accepted"] == ["default", "bare"]


@pytest.mark.parametrize(
    ("env", "limit"),
    [
        ({f"V{number}": "" for number in range(10)}, ("max_variables", 10)),
        ({"V": "x" * 2000}, ("max_bytes", 2000)),
    ],
    ids=["too many", "too large"],
)
async def test_an_environment_over_a_bound_of_the_host_names_the_bound(
    peer: RawPeer, env: dict[str, str], limit: tuple[str, int]
) -> None:
    error = await refusal(peer, envProfile="bare", env=env)

    assert error.reason == "limitReached"
    assert (error.data["subject"], error.data["limit"]) == limit


async def test_a_variable_that_is_too_large_for_the_kernel_is_an_error_and_no_defect(
    tmp_path: Path,
) -> None:
    # MAX_ARG_STRLEN: 32 pages, whatever the rest (execve(2)).
    with running_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            error = await refusal(peer, env={"V": "x" * 300_000})
            assert error.reason == "spawnFailed"
            assert await environment_of(peer, env={"A": "1"}) == {"A": "1"}


async def test_the_starter_is_told_which_rules_made_the_environment_and_how_much_came_whence(
    peer: RawPeer,
) -> None:
    params = {"envProfile": "default", "env": {"A": "mine", "NEW": "1"}, "envUnset": ["LANG"]}
    process = await peer.start(programs.succeed(), **params)
    assert await process.exit_code() == 0
    explained = await peer.request("env/explain", params)

    told = process.started["env"]
    digest = told.pop("digest")
    assert told == {
        "profile": "default",
        "inherited": 2,  # PATH and HOME
        "set": 1,
        "overlaid": 2,
        "hidden": 2,
    }
    assert explained["digest"] == digest
    other = await peer.start(programs.succeed(), envProfile="bare")
    assert await other.exit_code() == 0
    assert other.started["env"]["digest"] != digest
    again = await peer.start(programs.succeed(), envProfile="default")
    assert await again.exit_code() == 0
    assert again.started["env"]["digest"] == digest
