"""A model is told the same by our unified exec as by the real Codex, of the same host.

Where it is told something else on purpose, the scenario has a `Difference` that says why.
"""

import asyncio
import os
import pwd
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest

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


@pytest.fixture(scope="module")
def performances(
    codex: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Mapping[str, Performance], Mapping[str, Performance]]:
    """Return how each scenario that is asked for went, with Codex and with ours."""
    shell = Path(pwd.getpwuid(os.getuid()).pw_shell).name
    if shell != "bash":
        skip_unless_required(
            f"cannot compare: the scenarios are for bash, and the shell is {shell}"
        )
    directory = tmp_path_factory.mktemp("unified-exec")
    (directory / "host").mkdir()
    with running_service(directory / "host", env=HOST_ENVIRONMENT) as host:
        return asyncio.run(play_both(codex, host, selected(request.session.items), directory))


def selected(items: Sequence[pytest.Item]) -> list[Scenario]:
    """Return the scenarios whose tests are to run: all of them, or those that `-k` leaves."""
    in_this_file = [item for item in items if item.path == Path(__file__)]
    parameters = [it.callspec.params for it in in_this_file if hasattr(it, "callspec")]
    return [SCENARIOS[own["name"]] for own in parameters]


async def play_both(
    codex: Path, host: Server, scenarios: Collection[Scenario], directory: Path
) -> tuple[Mapping[str, Performance], Mapping[str, Performance]]:
    async with asyncio.TaskGroup() as tasks:
        with_codex = tasks.create_task(
            play_through_codex(codex, host, scenarios, directory / "codex"), name="Codex"
        )
        with_ours = tasks.create_task(
            play_through_ours(host, scenarios, directory / "ours"), name="ours"
        )
    return with_codex.result(), with_ours.result()


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


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_model_is_told_the_same(
    performances: tuple[Mapping[str, Performance], Mapping[str, Performance]], name: str
) -> None:
    with_codex, with_ours = (of_one[name] for of_one in performances)
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
