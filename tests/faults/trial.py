"""One recorded session through a network that fails as planned; and many of them at once."""

import asyncio
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from telexec_client import connect, errors
from tests.faults.recorded_session import RecordedSession
from tests.harness.deadline import within
from tests.harness.frame_proxy import Fault, Rewrite, as_it_is, frame_proxy

AT_ONCE = 24
"""How many sessions are played at the same time."""


@dataclass(frozen=True)
class Trial:
    """What is tried.

    Attributes:
        name: Says it in a failure: which seed, or which frame.
        plan: What fails.
        rewrite: Which dialect is spoken.
        reads_late: See `RecordedSession`.
    """

    name: str
    plan: Sequence[Fault] = ()
    rewrite: Rewrite = as_it_is
    reads_late: bool = False


@dataclass(frozen=True)
class Outcome:
    """How many of the planned faults came, and how many frames of each sender after the last."""

    faults: int
    client_frames: int
    server_frames: int


async def attempt(trial: Trial, url: str, directory: Path) -> Outcome:
    """Play the session; an `AssertionError` or any other error tells of a broken promise."""
    session = RecordedSession(directory, reads_late=trial.reads_late)
    async with frame_proxy(url, trial.plan, rewrite=trial.rewrite) as proxy:
        try:
            client = await connect(proxy.url)
        except (errors.HostUnreachableError, errors.HandshakeError):
            # Before there is a session there is nothing to come back to.
            assert len(proxy.fired) == 1
        else:
            try:
                await within(session.play(client), what=f"the end of {trial.name}", deadline_s=60)
            finally:
                await client.close()
        await session.nothing_is_left()
        return Outcome(len(proxy.fired), proxy.frames["client"], proxy.frames["server"])


async def attempt_all(trials: Iterable[Trial], url: str, directory: Path) -> list[Outcome]:
    """Play all of them, some at once, and fail with the name of each one that failed."""
    room = asyncio.Semaphore(AT_ONCE)
    outcomes: list[Outcome] = []
    failures: list[str] = []

    async def one(number: int, trial: Trial) -> None:
        async with room:
            try:
                outcomes.append(await attempt(trial, url, directory / str(number)))
            except Exception as error:  # noqa: BLE001 - all of them are reported together
                failures.append(f"{trial.name}: {''.join(traceback.format_exception(error))}")

    async with asyncio.TaskGroup() as tasks:
        for number, trial in enumerate(trials):
            tasks.create_task(one(number, trial), name=trial.name)
    assert not failures, f"{len(failures)} failed:\n" + "\n".join(failures[:10])
    return outcomes
