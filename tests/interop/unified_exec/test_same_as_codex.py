"""A model is told the same by our unified exec as by the real Codex, of the same host.

And of Codex's own exec-server, which has none of our extensions.

Where it is told something else on purpose, the scenario has a `Difference` that says why.
"""

import asyncio
import os
import pwd
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from tests.harness.codex import running_exec_server
from tests.harness.required import skip_unless_required
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.interop.conftest import HOST_ENVIRONMENT
from tests.interop.unified_exec import (
    arguments,
    commands,
    endings,
    long_output,
    pruning,
    sessions,
    terminals,
)
from tests.interop.unified_exec.players import (
    Performance,
    play_through_codex,
    play_through_ours,
)
from tests.interop.unified_exec.stage import Difference, Scenario

pytestmark = pytest.mark.codex

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "unified_exec.md"

_PLACEHOLDER = "<<what differs on purpose>>"


def scenarios_of(module: ModuleType) -> list[Scenario]:
    return [value for value in vars(module).values() if isinstance(value, Scenario)]


SCENARIOS = {
    scenario.name: scenario
    # Those that wait longest come first, and last those whose output Codex sends to the model again
    # with every further call.
    for module in (pruning, sessions, terminals, endings, commands, arguments, long_output)
    for scenario in scenarios_of(module)
}


CASES = [
    (name, host)
    for name, scenario in SCENARIOS.items()
    for host in ("telexec-service", "exec-server")
    if host == "telexec-service" or not scenario.is_of_our_host
]


@dataclass(frozen=True)
class Performances:
    """How each scenario that is asked for went.

    Attributes:
        with_codex: With Codex, on a host of ours.
        with_ours: With ours, by the kind of the host.
    """

    with_codex: Mapping[str, Performance]
    with_ours: Mapping[str, Mapping[str, Performance]]


@pytest.fixture(scope="module")
def performances(
    codex: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Performances:
    """Play every scenario that is asked for with Codex and with ours."""
    shell = Path(pwd.getpwuid(os.getuid()).pw_shell).name
    if shell != "bash":
        skip_unless_required(
            f"cannot compare: the scenarios are for bash, and the shell is {shell}"
        )
    directory = tmp_path_factory.mktemp("unified-exec")
    wanted = selected(request.session.items)
    (directory / "host").mkdir()
    with (
        running_service(directory / "host", env=HOST_ENVIRONMENT) as host,
        running_exec_server(codex, directory, env=HOST_ENVIRONMENT) as plain_host,
    ):
        return asyncio.run(play(codex, host, plain_host, wanted, directory))


def selected(items: Sequence[pytest.Item]) -> dict[str, list[Scenario]]:
    """Return the scenarios by their hosts that are to be tested: all, or those that `-k` leaves."""
    in_this_file = [item for item in items if item.path == Path(__file__)]
    cases = [it.callspec.params for it in in_this_file if hasattr(it, "callspec")]
    wanted: dict[str, list[Scenario]] = {"telexec-service": [], "exec-server": []}
    for case in cases:
        wanted[case["host"]].append(SCENARIOS[case["name"]])
    return wanted


async def play(
    codex: Path,
    host: Server,
    plain_host: Server,
    wanted: Mapping[str, Sequence[Scenario]],
    directory: Path,
) -> Performances:
    either = {scenario.name: scenario for scenarios in wanted.values() for scenario in scenarios}
    async with asyncio.TaskGroup() as tasks:
        with_codex = tasks.create_task(
            play_through_codex(codex, host, either.values(), directory / "codex"), name="Codex"
        )
        with_ours = {
            kind: tasks.create_task(
                play_through_ours(server, wanted[kind], directory / kind), name=f"ours, {kind}"
            )
            for kind, server in (("telexec-service", host), ("exec-server", plain_host))
        }
    return Performances(
        with_codex.result(), {kind: playing.result() for kind, playing in with_ours.items()}
    )


def differing(text: str, pattern: str, whose: str) -> tuple[str, str]:
    """Return the text with a placeholder for what differs, and what differs."""
    found = list(re.finditer(pattern, text))
    assert len(found) == 1, f"{pattern!r} is there {len(found)} times with {whose}: {text!r}"
    start, end = found[0].span()
    return text[:start] + _PLACEHOLDER + text[end:], found[0][0]


def without_difference(theirs: str, ours: str, difference: Difference) -> tuple[str, str]:
    """Return both answers with a placeholder for what differs on purpose."""
    theirs, their_part = differing(theirs, difference.codex, "Codex")
    ours, our_part = differing(ours, difference.ours, "ours")
    assert their_part != our_part, f"there is no difference any more: {difference.why}"
    return theirs, ours


@pytest.mark.parametrize(("name", "host"), CASES)
def test_a_model_is_told_the_same(performances: Performances, name: str, host: str) -> None:
    with_codex = performances.with_codex[name]
    with_ours = performances.with_ours[host][name]
    for whose, performance in (("Codex", with_codex), ("ours", with_ours)):
        if performance.failure is not None:
            performance.failure.add_note(f"It is the answer of {whose}.")
            raise performance.failure
    theirs, ours = list(with_codex.moments), list(with_ours.moments)
    assert len(ours) == len(theirs)
    for difference in SCENARIOS[name].differences:
        at = difference.moment
        theirs[at], ours[at] = without_difference(theirs[at], ours[at], difference)
    # One by one: pytest shows where two texts differ, and of two lists only that they do.
    for our_text, their_text in zip(ours, theirs, strict=True):
        assert our_text == their_text


def test_every_difference_is_in_the_documentation() -> None:
    table = DOCUMENTATION.read_text().partition("## What differs from Codex\n")[2]
    documented = set(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))
    named = {it.what for scenario in SCENARIOS.values() for it in scenario.differences}
    assert named <= documented
