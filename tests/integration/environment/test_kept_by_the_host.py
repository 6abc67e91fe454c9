"""What keeps the host's value, and a PATH that may only be put something in front of."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.harness.raw_peer import FULL_POLICY, Json, PeerError, RawPeer, raw_peer
from tests.harness.service import running_service
from tests.integration.environment.reporters import REPORTERS, environment_of

WITHOUT_IT: Mapping[str, Json] = {
    "a policy that inherits nothing": {"envPolicy": {**FULL_POLICY, "inherit": "none"}},
    "a policy that excludes it": {"envPolicy": {**FULL_POLICY, "exclude": ["LOCKED", "PATH"]}},
    "a policy that includes others": {"envPolicy": {**FULL_POLICY, "includeOnly": ["LANG"]}},
    "a profile that sets another": {"envProfile": "sets"},
    "a profile that excludes it": {"envProfile": "excludes"},
}


@dataclass(frozen=True)
class Host:
    """A host with a directory of tools."""

    url: str
    tools: str
    path: str


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Return a host that keeps a variable, and lets its tools be put in front of PATH."""
    directory = tmp_path_factory.mktemp("host")
    tools = directory / "tools"
    tools.mkdir()
    (tools / "true").write_text("#!/bin/sh\necho of the tools\n")
    (tools / "true").chmod(0o755)
    config = f"""
[env.overlay]
fixed = ["LOCKED"]
path_prepend = ["{tools}"]

[env.profiles.sets]
set = {{ LOCKED = "of the profile" }}

[env.profiles.excludes]
exclude = ["LOCKED"]
"""
    with running_service(directory, env={"LOCKED": "of the host"}, config=config) as server:
        yield Host(server.url, str(tools), os.environ["PATH"])


@pytest_asyncio.fixture
async def peer(host: Host) -> AsyncIterator[RawPeer]:
    """Return a peer of it."""
    async with raw_peer(host.url) as connected:
        yield connected


async def rules(peer: RawPeer, params: Json) -> dict[str, str]:
    """Return what is refused of a start that must fail."""
    with pytest.raises(PeerError) as got:
        await peer.start(REPORTERS["cat"], **params)
    assert got.value.reason == "environmentRefused"
    return {variable["name"]: variable["rule"] for variable in got.value.data["refused"]}


@pytest.mark.parametrize("params", WITHOUT_IT.values(), ids=WITHOUT_IT)
async def test_what_is_fixed_keeps_the_hosts_value_whatever_the_policy_says(
    peer: RawPeer, params: Json
) -> None:
    seen = await environment_of(peer, **params)
    explained = await peer.request("env/explain", params)

    assert seen["LOCKED"] == "of the host"
    assert {"name": "LOCKED", "origin": "host"} in explained["variables"]


@pytest.mark.parametrize("name", ["LOCKED", "locked"])
@pytest.mark.parametrize(
    "params",
    [
        {"envProfile": "default", "env": {"{}": "x"}},
        {"envPolicy": {**FULL_POLICY, "set": {"{}": "x"}}},
        {"env": {"{}": "x"}},
        {"envProfile": "default", "envUnset": ["{}"]},
    ],
    ids=["overlay", "policy", "exact", "unset"],
)
async def test_what_is_fixed_cannot_be_touched(peer: RawPeer, params: Json, name: str) -> None:
    assert await rules(peer, _named(params, name)) == {name: "fixed LOCKED"}


async def test_tools_that_the_host_lists_may_come_first(peer: RawPeer, host: Host) -> None:
    path = f"{host.tools}:{host.path}"

    process = await peer.start(["true"], envProfile="default", env={"PATH": path})

    assert await process.exit_code() == 0
    assert process.output() == b"of the tools\n"


@pytest.mark.parametrize(
    "path",
    ["", ":", "{tools}", "{tools}:", ":{path}", "/tmp:{path}", "{path}:{tools}", "{tools}::{path}"],
)
async def test_nothing_else_may_come_first_or_after_or_instead(
    peer: RawPeer, host: Host, path: str
) -> None:
    variables = {"PATH": path.format(tools=host.tools, path=host.path)}
    rule = f"path_prepend: only {host.tools} may come before the host's"
    policy = {"envPolicy": {**FULL_POLICY, "set": variables}}

    assert await rules(peer, {"envProfile": "default", "env": variables}) == {"PATH": rule}
    assert await rules(peer, {**policy, "env": {}}) == {"PATH": rule}
    assert await rules(peer, {"envProfile": "default", "envUnset": ["PATH"]}) == {"PATH": rule}


@pytest.mark.parametrize("path", ["", ":", "{tools}:", ":{tools}", "/tmp", "{tools}:{path}"])
async def test_where_the_request_left_the_path_away_only_the_tools_may_make_one(
    peer: RawPeer, host: Host, path: str
) -> None:
    policy = {"envPolicy": {**FULL_POLICY, "inherit": "none"}}
    variables = {"PATH": path.format(tools=host.tools, path=host.path)}

    for params in (policy, {}):
        assert (await rules(peer, {**params, "env": variables})).keys() == {"PATH"}
    seen = await environment_of(peer, **policy, env={"PATH": host.tools})
    assert seen == {"PATH": host.tools, "LOCKED": "of the host"}


def _named(params: Json, name: str) -> Json:
    """Return the params with the name in its place."""

    def put(value: object) -> object:
        if isinstance(value, dict):
            return {put(key): put(each) for key, each in value.items()}
        if isinstance(value, list):
            return [put(each) for each in value]
        return name if value == "{}" else value

    return {key: put(value) for key, value in params.items()}
