"""Sessions whose network fails again and again, at any byte and in every way there is."""

import random
from pathlib import Path

import pytest

from tests.faults.trial import Trial, attempt_all
from tests.harness.frame_proxy import Fault, as_it_is, without_binary_frames
from tests.harness.server import Server

RUNS = 130
"""For each pair of the client's and the service's event loops."""

MOST_FAULTS = 6


def trial(seed: str) -> Trial:
    """Return what a seed stands for."""
    chance = random.Random(seed)
    faults = [fault(chance, first=number == 0) for number in range(chance.randint(1, MOST_FAULTS))]
    return Trial(
        f"seed {seed!r}",
        faults,
        chance.choice([as_it_is, without_binary_frames]),
        reads_late=chance.random() < 0.3,
    )


def fault(chance: random.Random, *, first: bool) -> Fault:
    """Return any fault; one that is not the first is often in the middle of the resumption."""
    # The first two frames open the session: losing those is no loss, and tried elsewhere.
    frame = chance.randint(2, 45) if first or chance.random() < 0.6 else chance.randint(0, 4)
    way = chance.choices(["reset", "hang_up", "strand", "swallow"], [5, 3, 1, 1])[0]
    return Fault(chance.choice(["server", "client"]), frame, chance.random(), way)


@pytest.mark.both_loops
async def test_a_session_survives_whatever_happens_to_its_connections(
    service: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fds = service.fds_in_use()
    seeds = [f"{request.node.name} {number}" for number in range(RUNS)]
    outcomes = await attempt_all(map(trial, seeds), service.url, tmp_path)
    assert sum(outcome.faults for outcome in outcomes) > RUNS
    await service.back_to_fds(fds)
    assert service.children() == []
