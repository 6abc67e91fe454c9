"""What a host hides reaches no child: neither by its environment nor by a look into the service."""

import base64
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness import programs
from tests.harness.raw_peer import FULL_POLICY, Json, PeerError, RawPeer, raw_peer
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import LOOPBACK, running_service, service_argv
from tests.integration.environment.reporters import (
    PIPES_OR_PTY,
    REPORTERS,
    environment_of,
    parse_block,
)

SECRET = "c0ffee-do-not-tell"
"""The value of everything hidden, so that it is found wherever it turns up."""

OF_THE_SERVICE = {
    "TELEXEC_CONFIG_NOTE": SECRET,
    "telexec_lower": SECRET,
    "CREDENTIALS_DIRECTORY": SECRET,
    "NOTIFY_SOCKET": SECRET,
}
"""Hidden always."""

LISTED = {"AWS_SECRET_ACCESS_KEY": SECRET, "aws_session_token": SECRET, "Corporate_Thing": SECRET}
"""Hidden by this host's configuration."""

VISIBLE = {"HOST_VARIABLE": "h", "KEYBOARD": "us"}

CONFIG = """
[env]
hide = ["@credentials", "corporate_*"]

[env.requests]
policy = "{policy}"

[env.profiles.everything]
ignore_default_excludes = true

[env.profiles.asks_for_them]
ignore_default_excludes = true
include_only = ["*SECRET*", "*TOKEN*", "TELEXEC*", "Corporate*", "NOTIFY*", "CRED*", "PATH"]

[env.profiles.little]
inherit = "core"
set = {{ CI = "1" }}
"""

PROFILES = ["default", "everything", "asks_for_them", "little"]

EVERYTHING: Json = {**FULL_POLICY, "ignoreDefaultExcludes": True}

POLICIES: dict[str, Json] = {
    "everything": EVERYTHING,
    "only the hidden": {**EVERYTHING, "includeOnly": [*OF_THE_SERVICE, *LISTED]},
    "in other words": {**EVERYTHING, "includeOnly": ["*?*"], "exclude": ["nothing"]},
    "the default": FULL_POLICY,
    "core": {**EVERYTHING, "inherit": "core"},
    "none": {**EVERYTHING, "inherit": "none"},
}

GIVEN_IF_TRUSTED: dict[str, set[str]] = {
    "everything": set(LISTED),
    "only the hidden": set(LISTED),
    "in other words": set(LISTED),
    "the default": {"Corporate_Thing"},
    "core": set(),
    "none": set(),
}
"""What of the listed ones a policy gives a child where the host trusts requests."""


@pytest.fixture(scope="module", params=["bounded", "trusted"])
def mode(request: pytest.FixtureRequest) -> str:
    """Return how far the host lets policies of requests go."""
    return str(request.param)


@pytest.fixture(scope="module")
def host(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service with something to hide."""
    with running_service(
        tmp_path_factory.mktemp("host"),
        env=OF_THE_SERVICE | LISTED | VISIBLE,
        config=CONFIG.format(policy=mode),
    ) as server:
        yield server


@pytest_asyncio.fixture
async def peer(host: Server) -> AsyncIterator[RawPeer]:
    """Return a peer of it."""
    async with raw_peer(host.url) as connected:
        yield connected


@pytest.mark.parametrize("tty", PIPES_OR_PTY.values(), ids=PIPES_OR_PTY)
@pytest.mark.parametrize("reporter", REPORTERS)
@pytest.mark.parametrize("profile", PROFILES)
async def test_nothing_hidden_is_in_a_childs_environment_under_any_profile(
    peer: RawPeer, *, profile: str, reporter: str, tty: bool
) -> None:
    seen = await environment_of(peer, reporter=reporter, tty=tty, envProfile=profile)

    assert seen.keys().isdisjoint(OF_THE_SERVICE | LISTED)
    assert SECRET not in seen.values()
    if profile == "everything":
        assert VISIBLE.items() <= seen.items()


@pytest.mark.parametrize("tty", PIPES_OR_PTY.values(), ids=PIPES_OR_PTY)
@pytest.mark.parametrize("policy", POLICIES)
async def test_whatever_policy_a_request_brings_only_a_trusting_host_lets_it_see_what_it_lists(
    peer: RawPeer, mode: str, *, policy: str, tty: bool
) -> None:
    seen = await environment_of(peer, tty=tty, envPolicy=POLICIES[policy])

    hidden = OF_THE_SERVICE if mode == "trusted" else OF_THE_SERVICE | LISTED
    assert seen.keys().isdisjoint(hidden)
    listed_for_it = GIVEN_IF_TRUSTED[policy] if mode == "trusted" else set[str]()
    assert {name for name, value in seen.items() if value == SECRET} == listed_for_it


async def test_a_request_may_use_a_hidden_name_for_a_value_of_its_own(peer: RawPeer) -> None:
    params = {"envProfile": "default", "env": {"AWS_SECRET_ACCESS_KEY": "mine"}}

    seen = await environment_of(peer, **params)

    assert seen["AWS_SECRET_ACCESS_KEY"] == "mine"
    assert SECRET not in seen.values()


@pytest.mark.parametrize("profile", PROFILES)
async def test_the_explanation_says_the_rule_and_never_the_value(
    peer: RawPeer, profile: str
) -> None:
    explained = await peer.request("env/explain", {"envProfile": profile, "values": True})

    rules = {variable["name"]: variable["rule"] for variable in explained["dropped"]}
    for name in OF_THE_SERVICE:
        assert rules[name].startswith(("hidden @service ", "hidden @systemd ")), name
    for name in ("AWS_SECRET_ACCESS_KEY", "aws_session_token"):
        assert rules[name].startswith("hidden @credentials "), name
    assert rules["Corporate_Thing"] == "hidden corporate_*"
    assert SECRET not in json.dumps(explained)


async def test_the_explanation_of_an_own_policy_never_says_a_credential(peer: RawPeer) -> None:
    params = {"envPolicy": EVERYTHING, "env": {"MY_TOKEN": SECRET}, "values": True}
    params["envPolicy"] = {**EVERYTHING, "set": {"MY_PASSWORD": SECRET}}

    explained = await peer.request("env/explain", params)

    shown = {v["name"]: v.get("value") for v in explained["variables"]}
    assert shown["HOST_VARIABLE"] == "h"
    credentials = ["MY_TOKEN", "MY_PASSWORD"]
    # A trusting host gives these two, but still does not say them.
    credentials += [n for n in shown if n in {"AWS_SECRET_ACCESS_KEY", "aws_session_token"}]
    assert {shown[name] for name in credentials} == {None}


# Looking into the service.

LOOK = """
import ctypes, json, os, signal, sys

def outcome(look):
    try:
        return {"seen": look()}
    except OSError as error:
        return {"errno": error.errno}

def read(path):
    with open(path, "rb") as file:
        return file.read().decode(errors="replace")

def memory(pid):
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, access = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if access.startswith("rw") and start < 2**63:
                memory.seek(start)
                found.append(memory.read(end - start))
    return sys.argv[2].encode() in b"".join(found)

def attach(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(0x4206, pid, None, None) != 0:  # PTRACE_SEIZE, which stops nothing
        raise OSError(ctypes.get_errno(), "ptrace")
    return True

def looks(pid):
    return {
        "environ": outcome(lambda: read(f"/proc/{pid}/environ")),
        "thread": outcome(lambda: read(f"/proc/{pid}/task/{pid}/environ")),
        "memory": outcome(lambda: memory(pid)),
        "ptrace": outcome(lambda: attach(pid)),
        "descriptors": outcome(lambda: os.readlink(f"/proc/{pid}/fd/0")),
    }

# A child of our own, which has what we have: it shows that looking works.
ready, child_says = os.pipe()
child = os.posix_spawn(
    "/bin/sh",
    ["sh", "-c", "echo; kill -STOP $$"],
    {"OWN": sys.argv[2]},
    file_actions=[(os.POSIX_SPAWN_DUP2, child_says, 1)],
)
os.read(ready, 1)
result = {"service": looks(int(sys.argv[1])), "child": looks(child)}
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def powerless_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service of a user without any power over others, as it should be run."""
    directory = tmp_path_factory.mktemp("powerless")
    argv = service_argv(LOOPBACK, "--no-auth")
    if os.geteuid() == 0:
        # Not as another user, who may not be able to reach this Python. Root is an ordinary user
        # once nothing that it executes has any capability (capabilities(7)).
        drop = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        argv = [*programs.tool("setpriv", *drop), *argv]
    env = minimal_environment(directory) | OF_THE_SERVICE | LISTED | VISIBLE
    with running_server(argv, env=env, directory=directory) as server:
        yield server


async def look(server: Server) -> Json:
    """Return what a child sees of the service, and of a child of its own."""
    async with raw_peer(server.url) as peer:
        process = await peer.start(programs.python(LOOK, str(server.pid), SECRET))
        assert await process.exit_code() == 0, process.output()
        result: Json = json.loads(process.output("stdout"))
        return result


async def test_a_child_of_the_same_user_cannot_look_into_the_service(
    powerless_host: Server,
) -> None:
    seen = await look(powerless_host)

    assert all("errno" in of_service for of_service in seen["service"].values()), seen
    assert parse_block(seen["child"]["environ"]["seen"].encode()) == {"OWN": SECRET}
    assert seen["child"]["memory"] == {"seen": True}
    assert seen["child"]["descriptors"]["seen"]


async def test_even_root_finds_no_environment_of_the_service_in_proc(host: Server) -> None:
    seen = await look(host)

    for place in ("environ", "thread"):
        shown = seen["service"][place]
        assert "errno" in shown or shown["seen"].strip("\0") == "", shown
    assert parse_block(seen["child"]["environ"]["seen"].encode()) == {"OWN": SECRET}


async def test_a_service_without_any_power_serves_and_hides_as_well(
    powerless_host: Server,
) -> None:
    async with raw_peer(powerless_host.url) as peer:
        seen = await environment_of(peer, envPolicy=EVERYTHING)
    assert VISIBLE.items() <= seen.items()
    assert seen.keys().isdisjoint(OF_THE_SERVICE | {"AWS_SECRET_ACCESS_KEY": ""})


# The service opens files itself, and may open what is its own.

REFUSED = {"notAFile", "pathForbidden"}
"""Of a process that cannot be looked into, `/proc` is root's."""


@pytest.mark.parametrize("process", ["self", "thread-self", "PID", "self/task/PID"])
async def test_no_file_request_reaches_the_memory_of_the_service(
    powerless_host: Server, tmp_path: Path, process: str
) -> None:
    path = f"/proc/{process}/mem".replace("PID", str(powerless_host.pid))
    link = tmp_path / "link"
    link.symlink_to(path)
    async with raw_peer(powerless_host.url) as peer:
        for uri in (f"file://{path}", link.as_uri()):
            for method, params in (
                ("fs/readFile", {}),
                ("fs/open", {"handleId": "h"}),
                ("fs/writeFile", {"dataBase64": "AAAA"}),
            ):
                error = await peer.refusal(method, {"path": uri, "sandbox": None, **params})
                assert error.reason in REFUSED, (uri, method, error)
        copy = {"sourcePath": f"file://{path}", "destinationPath": (tmp_path / "copy").as_uri()}
        error = await peer.refusal("fs/copy", {**copy, "recursive": False, "sandbox": None})
        assert error.reason in REFUSED
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("process", ["self", "thread-self", "PID", "self/task/PID"])
async def test_a_file_request_finds_no_environment_of_the_service(
    powerless_host: Server, process: str
) -> None:
    path = f"/proc/{process}/environ".replace("PID", str(powerless_host.pid))
    async with raw_peer(powerless_host.url) as peer:
        try:
            answer = await peer.request("fs/readFile", {"path": f"file://{path}", "sandbox": None})
        except PeerError as error:
            content = error.reason
        else:
            content = base64.b64decode(answer["dataBase64"]).strip(b"\0").decode()
    assert content in {"", "pathForbidden"}
