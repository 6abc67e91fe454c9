"""What a host denies comes through no door: not a single program ever starts with it."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from telexec_service.core.name_classes import CLASSES
from tests.harness.raw_peer import FULL_POLICY, Json, PeerError, RawPeer, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.integration.environment.poisons import POISONS, plant
from tests.integration.environment.reporters import PIPES_OR_PTY, REPORTERS, environment_of

DENIED = ("@loader", "@shell", "@interpreter")

HOST_ENVIRONMENT = {"HOST_VARIABLE": "h", "LD_LIBRARY_PATH": "/host/lib"}
"""The host may give what a request may not."""

PROFILES = '[env.profiles.ci]\nset = { CI = "1" }\n'

SETTING_DOORS = ["overlay", "policy set", "profile", "exact"]


def through(door: str, variables: Mapping[str, str]) -> Json:
    """Return the params of a start that brings variables through a door."""
    return {
        "overlay": {"envPolicy": FULL_POLICY, "env": variables},
        "policy set": {"envPolicy": {**FULL_POLICY, "set": variables}},
        "profile": {"envProfile": "ci", "env": variables},
        "exact": {"env": variables},
        "unset": {"envPolicy": FULL_POLICY, "envUnset": list(variables)},
        "unset of a profile": {"envProfile": "ci", "envUnset": list(variables)},
    }[door]


def denied_names() -> list[str]:
    """Return a name for each pattern of the classes, as it is, and in two other cases."""
    patterns = [pattern for name in DENIED for pattern in CLASSES[name].patterns]
    names = [pattern.replace("*", "X").replace("?", "x") for pattern in patterns]
    return sorted({variant for name in names for variant in (name, name.lower(), name.title())})


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service that denies all that changes what programs do."""
    config = f"[env.overlay]\ndeny = {list(DENIED)}\n{PROFILES}"
    with running_service(
        tmp_path_factory.mktemp("strict"), env=HOST_ENVIRONMENT, config=config
    ) as server:
        yield server


@pytest.fixture(scope="module")
def permissive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service that denies nothing."""
    with running_service(
        tmp_path_factory.mktemp("permissive"), config=f"[env.overlay]\ndeny = []\n{PROFILES}"
    ) as server:
        yield server


@pytest_asyncio.fixture
async def peer(strict: Server) -> AsyncIterator[RawPeer]:
    """Return a peer of the strict service."""
    async with raw_peer(strict.url) as connected:
        yield connected


async def refusal_of_start(peer: RawPeer, argv: list[str], **params: Any) -> PeerError:
    """Return the error of a start that must fail, and make sure that nothing came of it."""
    process_id = f"refused-{len(peer.notifications)}"
    everything = {
        "processId": process_id,
        "argv": argv,
        "cwd": "file:///",
        "env": {},
        "tty": False,
        **params,
    }
    error = await peer.refusal("process/start", everything)
    gone = await peer.refusal("process/read", {"processId": process_id})
    assert gone.reason == "processUnknown"
    return error


def rules_of(error: PeerError) -> dict[str, str]:
    """Return the refused names with the rule of each."""
    assert error.reason == "environmentRefused", error
    return {variable["name"]: variable["rule"] for variable in error.data["refused"]}


@pytest.mark.parametrize("tty", PIPES_OR_PTY.values(), ids=PIPES_OR_PTY)
@pytest.mark.parametrize("name", POISONS)
async def test_a_program_is_not_poisoned_through_any_door(
    strict: Server, permissive: Server, tmp_path: Path, *, name: str, tty: bool
) -> None:
    plant(tmp_path)
    poison = POISONS[name]
    variables = poison.variables(tmp_path)
    async with raw_peer(permissive.url) as peer:
        for door in SETTING_DOORS:
            process = await peer.start(poison.argv, tty=tty, **through(door, variables))
            await process.exit_code()
            assert poison.mark in process.output(), f"it is no poison {door}: {process.output()!r}"
    async with raw_peer(strict.url) as peer:
        for door in SETTING_DOORS:
            params = through(door, variables)
            error = await refusal_of_start(peer, poison.argv, tty=tty, **params)
            assert rules_of(error).keys() == variables.keys()
        process = await peer.start(poison.argv, tty=tty)
        assert await process.exit_code() == 0
        assert poison.mark not in process.output()


@pytest.mark.parametrize("tty", PIPES_OR_PTY.values(), ids=PIPES_OR_PTY)
@pytest.mark.parametrize("door", [*SETTING_DOORS, "unset", "unset of a profile"])
async def test_one_error_lists_every_denied_name_in_any_case_and_what_would_be_accepted(
    peer: RawPeer, *, door: str, tty: bool
) -> None:
    names = denied_names()
    harmless = {"HARMLESS": "1"}
    params = through(door, dict.fromkeys(names, "x") | harmless)

    error = await refusal_of_start(peer, REPORTERS["cat"], tty=tty, **params)

    rules = rules_of(error)
    assert sorted(rules) == names
    assert all(rule.startswith("deny @") for rule in rules.values()), rules
    assert all(name in error.message for name in names)
    assert error.message.startswith("cannot ")
    assert error.data["accepted"] == ["any name, but none of @loader, @shell, @interpreter"]


@pytest.mark.parametrize("door", [*SETTING_DOORS, "unset", "unset of a profile"])
async def test_the_explanation_refuses_what_the_start_does(peer: RawPeer, door: str) -> None:
    params = through(door, {"LD_PRELOAD": "x", "Bash_Env": "y", "HARMLESS": "1"})

    explained = await peer.request("env/explain", params)
    error = await refusal_of_start(peer, REPORTERS["cat"], **params)

    told = {variable["name"]: variable["rule"] for variable in explained["refused"]}
    assert told == rules_of(error)
    assert told.keys() == {"LD_PRELOAD", "Bash_Env"}
    assert [explained["accepted"]] == error.data["accepted"]


@pytest.mark.parametrize("tty", PIPES_OR_PTY.values(), ids=PIPES_OR_PTY)
@pytest.mark.parametrize("reporter", REPORTERS)
@pytest.mark.parametrize("door", SETTING_DOORS)
async def test_what_is_not_denied_arrives_in_every_program_with_nothing_denied_beside_it(
    peer: RawPeer, *, door: str, reporter: str, tty: bool
) -> None:
    harmless = {"HARMLESS": "a=b", "MY_LD_PRELOAD": "x", "LD": "x", "ENVIRONMENT": "x"}

    seen = await environment_of(peer, reporter=reporter, tty=tty, **through(door, harmless))

    assert harmless.items() <= seen.items()
    denied = {name.upper() for name in denied_names()}
    from_the_host = set[str]() if door == "exact" else {"LD_LIBRARY_PATH"}
    assert {name for name in seen if name.upper() in denied | {"LD_LIBRARY_PATH"}} == from_the_host


@pytest.mark.parametrize("door", SETTING_DOORS)
@pytest.mark.parametrize(
    "value", ["() { :; }; echo owned", " \t\n() { :; }", "() {", "() {\n echo owned\n}"]
)
async def test_a_function_in_the_old_style_is_denied_under_any_name(
    peer: RawPeer, door: str, value: str
) -> None:
    error = await refusal_of_start(peer, REPORTERS["bash"], **through(door, {"TERM": value}))

    assert rules_of(error) == {"TERM": "deny @shell: its value is a function"}


@pytest.mark.parametrize("door", SETTING_DOORS)
async def test_a_value_that_only_resembles_a_function_is_none(peer: RawPeer, door: str) -> None:
    values = {"A": "()", "B": "f() { :; }", "C": "(){ :; }", "D": "x () { :; }"}

    seen = await environment_of(peer, reporter="bash", **through(door, values))

    assert values.items() <= seen.items()


async def test_bash_makes_no_function_of_what_may_be_set(peer: RawPeer) -> None:
    values = {"ls": "(){ echo owned; }", "FUNC_ls%%": "x() { echo owned; }"}
    process = await peer.start(["/bin/bash", "-c", "declare -F; type -t ls"], env=values)

    assert await process.exit_code() == 0
    assert process.output() == b"file\n"


@pytest.mark.parametrize("hidden", ["TELEXEC_TOKEN_FILE", "telexec_new"])
@pytest.mark.parametrize("door", [*SETTING_DOORS, "unset"])
async def test_nobody_speaks_for_the_services_starter(
    peer: RawPeer, permissive: Server, door: str, hidden: str
) -> None:
    params = through(door, {hidden: "x"})

    async with raw_peer(permissive.url) as of_permissive:
        for each in (peer, of_permissive):
            error = await refusal_of_start(each, REPORTERS["cat"], **params)
            assert rules_of(error)[hidden].startswith("hidden @service ")


# What is said in unusual ways. JSON does not forbid a name that is there twice.


def frame(params: str) -> str:
    """Return a start with these params, as they are."""
    argv = json.dumps(REPORTERS["cat"])
    fields = f'"processId":"raw","argv":{argv},"cwd":"file:///","tty":false,{params}'
    return f'{{"id":"raw","method":"process/start","params":{{{fields}}}}}'


async def answer_to(peer: RawPeer, text: str) -> Json:
    """Return the answer to a frame with the id `raw`."""
    await peer.send(text)
    await peer.until(lambda: bool(peer.stray_answers), what="the answer")
    answer = peer.stray_answers.pop()
    assert answer["id"] == "raw"
    return answer


@pytest.mark.parametrize(
    "env",
    [
        '"env":{"LD_PRELOAD":"x","LD_PRELOAD":"x"}',
        '"env":{"LD_PRELOAD":"x","A":"1","LD_PRELOAD":""}',
        '"env":{"LD\\u005fPRELOAD":"x"}',
        '"env":{"\\u004c\\u0044_PRELOAD":"x"}',
        '"env":{"A":"1"},"env":{"LD_PRELOAD":"x"}',
        '"env":{},"envPolicy":null,"envPolicy":{"set":{"A":"1"},"set":{"LD_PRELOAD":"x"}}',
        '"env":{},"envUnset":["A"],"envUnset":["LD_PRELOAD"]',
    ],
)
async def test_a_denied_name_is_refused_however_the_json_says_it(peer: RawPeer, env: str) -> None:
    answer = await answer_to(peer, frame(env))

    assert rules_of(PeerError(answer["error"])).keys() == {"LD_PRELOAD"}


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ('"env":{"LD_PRELOAD":"x"},"env":{"A":"1"}', {"A": "1"}),
        ('"env":{"A":"1","A":"2"}', {"A": "2"}),
        ('"env":{"A":"() { :; }","A":"2"}', {"A": "2"}),
        ('"env":{"A":"1"},"ENV":{"LD_PRELOAD":"x"},"Env":{"LD_PRELOAD":"x"}', {"A": "1"}),
        ('"env":{"A":"1"},"env_unset":["A"],"env_policy":{"set":{"LD_PRELOAD":"x"}}', {"A": "1"}),
    ],
)
async def test_of_what_is_said_twice_only_what_was_checked_arrives(
    peer: RawPeer, env: str, expected: dict[str, str]
) -> None:
    answer = await answer_to(peer, frame(env))

    assert answer["result"]["processId"] == "raw"
    process = peer.process("raw")
    assert await process.exit_code() == 0
    block = bytes.fromhex(process.output().decode())
    assert block == b"".join(f"{name}={value}\0".encode() for name, value in expected.items())


@pytest.mark.parametrize(
    "env",
    [
        '"env":{"A":"\\ud800"}',
        '"env":{"\\udc80":"x"}',
        '"env":{"A":null}',
        '"env":{"A":1}',
        '"env":[["A","1"]]',
        '"env":{"A":"1"},"envUnset":"A"',
        '"env":{},"envProfile":["ci"]',
    ],
)
async def test_what_is_no_environment_starts_nothing_and_is_said_so(
    peer: RawPeer, env: str
) -> None:
    await peer.send(frame(env))
    await peer.until(lambda: bool(peer.stray_answers), what="the answer")

    assert peer.stray_answers.pop()["error"]["code"] in {-32600, -32602}
    assert await environment_of(peer, env={"STILL": "served"}) == {"STILL": "served"}


@pytest.mark.parametrize(
    ("variables", "name"),
    [({"": "x"}, ""), ({"A=B": "x"}, "A=B"), ({"A\0": "x"}, "A\0"), ({"A": "x\0y"}, "A")],
)
@pytest.mark.parametrize("door", SETTING_DOORS)
async def test_what_no_kernel_takes_is_refused_by_name(
    peer: RawPeer, door: str, variables: dict[str, str], name: str
) -> None:
    error = await refusal_of_start(peer, REPORTERS["cat"], **through(door, variables))

    assert error.reason == "environmentInvalid"
    assert error.data["subject"] == name
