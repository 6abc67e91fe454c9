"""Scenarios played by the real Codex and through our own unified exec, each on the same host."""

import asyncio
import json
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from telexec_client import Client, connect
from telexec_client.unified_exec import UnifiedExec
from tests.harness.codex import RemoteUrl, run_codex
from tests.harness.scripted_model import Script, ToolCall, ToolResult
from tests.harness.server import Server
from tests.interop.unified_exec.stage import Scenario, Stage

_PLAYERS = 4
"""How many play at the same time what is played in company: they wait most of the time."""


@dataclass(frozen=True, slots=True)
class Performance:
    """How a scenario went.

    Attributes:
        moments: What the model was told, up to the end or the failure.
        failure: What the scenario itself found to be wrong.
    """

    moments: Sequence[str]
    failure: AssertionError | None


class Programme:
    """Scenarios that several players take one after the other, and how they went.

    Attributes:
        performances: By the name of the scenario.
    """

    def __init__(self, scenarios: Collection[Scenario], directory: Path) -> None:
        self.performances: dict[str, Performance] = {}
        self._directory = directory
        self._alone = [scenario for scenario in scenarios if scenario.is_alone]
        self._in_company = deque(scenario for scenario in scenarios if not scenario.is_alone)

    def scripts(self) -> list[Script]:
        """Return what each player plays. Each has to have tools of its own."""
        in_company = [self._play(self._in_company) for _ in range(_PLAYERS)]
        return [*in_company, *(self._play(deque([scenario])) for scenario in self._alone)]

    def _play(self, pending: deque[Scenario]) -> Script:
        """Play scenarios until none is left that nobody has taken."""
        while pending:
            scenario = pending.popleft()
            directory = self._directory / scenario.name
            directory.mkdir(parents=True)
            stage = Stage(directory)
            failure = None
            try:
                yield from scenario.play(stage)
            except AssertionError as error:
                failure = error
                error.add_note(f"--- what the model was told ---\n{stage.moments}")
            self.performances[scenario.name] = Performance(stage.moments, failure)


async def play_through_codex(
    codex: Path, host: Server, scenarios: Collection[Scenario], directory: Path
) -> dict[str, Performance]:
    """Let the real Codex play scenarios, with a model that does as they say."""
    programme = Programme(scenarios, directory / "stages")
    async with asyncio.TaskGroup() as tasks:
        for number, script in enumerate(programme.scripts()):
            own = directory / f"codex-{number}"
            tasks.create_task(
                run_codex(
                    codex,
                    RemoteUrl(host.url),
                    script,
                    directory=own,
                    workspace=_workspace(own),
                    inherit="all",
                ),
                name=f"codex {number}",
            )
    return programme.performances


async def play_through_ours(
    host: Server, scenarios: Collection[Scenario], directory: Path
) -> dict[str, Performance]:
    """Play scenarios through `UnifiedExec`, over one connection."""
    programme = Programme(scenarios, directory / "stages")
    workspace = _workspace(directory)
    async with connect(host.url) as client, asyncio.TaskGroup() as tasks:
        for number, script in enumerate(programme.scripts()):
            tasks.create_task(_answer(client, workspace, script), name=f"player {number}")
    return programme.performances


def _workspace(directory: Path) -> Path:
    """Return a new directory for commands that name none; there is one in it."""
    workspace = directory / "workspace"
    (workspace / "below").mkdir(parents=True)
    return workspace


async def _answer(client: Client, workspace: Path, script: Script) -> None:
    """Do as an agent loop does."""
    async with UnifiedExec(client, workdir=str(workspace)) as tools:
        call = await asyncio.to_thread(_next_call, script, None)
        while call is not None:
            assert not isinstance(call.arguments, str)
            told = await tools.call(call.name, json.dumps(call.arguments))
            # In a thread, because scenarios wait for what their commands do.
            call = await asyncio.to_thread(_next_call, script, ToolResult(told))


def _next_call(script: Script, result: ToolResult | None) -> ToolCall | None:
    """Return the next call, `None` at the end: a `StopIteration` cannot leave a thread."""
    try:
        return next(script) if result is None else script.send(result)
    except StopIteration:
        return None
