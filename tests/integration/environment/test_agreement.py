"""The function, the explanation and a real child say the same of any policy and environment."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telexec_schemas.environment_policy import EnvironmentPolicy
from telexec_service.config import load_config
from telexec_service.core.environment import EnvironmentRequest, HostEnvironment
from telexec_service.core.failure import RpcFailure
from tests.harness.raw_peer import Json, PeerError, RawPeer, raw_peer
from tests.harness.server import minimal_environment
from tests.harness.service import running_service
from tests.integration.environment.reporters import environment_of

HOST_ENVIRONMENT = {
    "A": "1",
    "A[1]": "brackets",
    "AB": "2",
    "API_KEY": "hidden",
    "EMPTY": "",
    "Home": "mixed",
    "HOST_LOCKED": "of the host",
    "KEYBOARD": "us",
    "LC_ALL": "C.UTF-8",
    "LD_LIBRARY_PATH": "/host/lib",
    "MULTI": "a=b\nc\x01\x7f",
    "TELEXEC_NOTE": "hidden",
    "Token": "hidden",
    "USER": "somebody",
    "UNI": "naïve-☃",
    "a": "lower",
}

CONFIG = """
[env.overlay]
deny = ["@loader", "@shell", "NEVER_*"]
fixed = ["HOST_LOCKED"]
path_prepend = ["/opt/a", "/opt/b"]

[env.requests]
policy = "{mode}"

[env.profiles.ci]
inherit = "core"
exclude = ["L*"]
set = {{ CI = "1", HOST_LOCKED = "not this", A = "of the profile" }}

[env.profiles.open]
ignore_default_excludes = true
"""

names = st.sampled_from(
    [
        *HOST_ENVIRONMENT,
        "PATH",
        "HOME",
        "LANG",
        "path",
        "NEW",
        "NEW_TOKEN",
        "never_x",
        "ENV",
        "Ä",
        "A.B",
    ]
) | st.text("ABab_1[.=ä\0", max_size=4)
values = st.sampled_from(
    ["", "x", "a=b", "line\nline", "☃", "() { :; }", "()", "/opt/a", "\x7f\x01"]
)
environments = st.dictionaries(names, values, max_size=6)
patterns = st.lists(
    st.sampled_from(["*", "", "?", "A*", "a[1]", "*_*", "H?ME", "*E*", "l*", "*☃*"])
    | st.text("ABab_1*?[].ä", max_size=4),
    max_size=4,
)
policies = st.builds(
    EnvironmentPolicy,
    inherit=st.sampled_from(["all", "all", "core", "none"]),
    ignore_default_excludes=st.booleans(),
    exclude=patterns,
    set=environments,
    include_only=patterns,
)
# Most requests name nothing that is refused: else they would all agree on one error.
tame_names = st.sampled_from(
    ["A", "Home", "NEW", "LANG", "Ä", "UNI", "MULTI", "KEYBOARD", "NEW_TOKEN"]
)
tame_values = st.sampled_from(["", "x", "a=b", "line\nline", "☃", "()"])
tame_environments = st.dictionaries(tame_names, tame_values, max_size=4)
tame_policies = st.builds(
    lambda policy, variables: msgspec.structs.replace(policy, set=variables),
    policies,
    tame_environments,
)
requests = st.builds(
    EnvironmentRequest, environments, st.lists(names, max_size=3), st.none() | policies
) | st.one_of(
    st.builds(
        EnvironmentRequest,
        tame_environments,
        st.lists(tame_names, max_size=3),
        st.none() | tame_policies,
    ),
    st.builds(
        EnvironmentRequest,
        tame_environments,
        st.lists(tame_names, max_size=3),
        st.none(),
        st.sampled_from(["default", "ci", "open", "missing"]),
    ),
)


def params_of(request: EnvironmentRequest) -> Json:
    """Return the request as a peer says it."""
    params: Json = {"env": dict(request.overlay), "envUnset": list(request.unset)}
    if request.policy is not None:
        params["envPolicy"] = msgspec.to_builtins(request.policy)
    if request.profile is not None:
        params["envProfile"] = request.profile
    return params


async def check(peer: RawPeer, host: HostEnvironment, request: EnvironmentRequest) -> str:
    """Hold the three against each other; return what came of the request."""
    params = params_of(request)
    try:
        built, summary = host.build(request)
    except RpcFailure as failure:
        await check_refusal(peer, failure, params)
        return str(failure.reason)
    explained = await peer.request("env/explain", {**params, "values": True})
    process_environment = await environment_of(peer, **params)
    assert process_environment == built
    shown = {variable["name"]: variable for variable in explained["variables"]}
    assert [variable["name"] for variable in explained["variables"]] == sorted(built)
    for name, variable in shown.items():
        assert variable.get("value") in {None, built[name]}
    origins = [variable["origin"] for variable in shown.values()]
    set_by = "set" if summary.profile is None else "profile"
    counts = (summary.inherited, summary.set, summary.overlaid)
    assert counts == tuple(map(origins.count, ("host", set_by, "overlay")))
    assert explained["digest"] == summary.digest
    assert explained["profile"] == summary.profile
    assert explained["refused"] == []
    dropped = {variable["name"] for variable in explained["dropped"]}
    assert dropped.isdisjoint(built)
    return "exact" if request.policy is None and request.profile is None else "built"


async def check_refusal(peer: RawPeer, failure: RpcFailure, params: Json) -> None:
    """What the function refuses is refused in the same words by the service, and explained."""
    with pytest.raises(PeerError) as got:
        await environment_of(peer, **params)
    assert (got.value.reason, got.value.message) == (failure.reason, str(failure))
    refused: list[Any] = got.value.data.get("refused", [])
    if refused:
        explained = await peer.request("env/explain", params)
        assert explained["refused"] == refused
        assert {v["name"] for v in refused}.isdisjoint(
            v["name"] for v in explained["variables"] if v["origin"] == "overlay"
        )
    else:
        assert (await peer.refusal("env/explain", params)).reason == failure.reason


@asynccontextmanager
async def running_host(
    directory: Path, mode: str
) -> AsyncGenerator[tuple[RawPeer, HostEnvironment]]:
    """Yield a peer of a service, and the function that the service must agree with."""
    config = CONFIG.format(mode=mode)
    with running_service(directory, env=HOST_ENVIRONMENT, config=config) as server:
        own = minimal_environment(directory) | HOST_ENVIRONMENT
        rules = load_config(str(directory / "config.toml")).env
        async with raw_peer(server.url) as peer:
            yield peer, HostEnvironment(own, rules)


def test_the_function_the_explanation_and_a_child_agree_on_a_thousand_requests(
    tmp_path: Path,
) -> None:
    outcomes: set[str] = set()
    modes = ("bounded", "trusted")
    for mode in modes:
        (tmp_path / mode).mkdir()
    # One loop for all examples, so that one connection serves them.
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            hosts = {
                mode: runner.run(stack.enter_async_context(running_host(tmp_path / mode, mode)))
                for mode in modes
            }

            @settings(max_examples=1000, deadline=None)
            @given(st.sampled_from(modes), requests)
            def agree(mode: str, request: EnvironmentRequest) -> None:
                peer, function = hosts[mode]
                peer.notifications.clear()
                outcomes.add(runner.run(check(peer, function, request)))

            agree()
        finally:
            runner.run(stack.aclose())
    # It would be no agreement if all were refused.
    assert outcomes >= {"built", "exact", "environmentRefused", "profileUnknown"}
