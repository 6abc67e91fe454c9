"""A session that is cut at each of its frames, on either side of it and in the middle."""

from pathlib import Path
from typing import get_args

import pytest

from tests.faults.trial import Trial, attempt, attempt_all
from tests.harness.deadline import eventually
from tests.harness.fault_proxy import Direction
from tests.harness.frame_proxy import (
    Fault,
    Rewrite,
    Way,
    as_it_is,
    without_binary_frames,
    without_extensions,
)
from tests.harness.server import Server

SENDERS: tuple[Direction, ...] = get_args(Direction)

CUTS: tuple[tuple[float, Way], ...] = ((0.0, "reset"), (0.5, "reset"), (1.0, "hang_up"))
"""Before the frame, in the middle of it, and right after it."""


# Between them, every dialect and both loops of the service.
@pytest.mark.parametrize(
    ("rewrite", "service"),
    [
        (as_it_is, "uvloop"),
        (as_it_is, "asyncio"),
        (without_binary_frames, "asyncio"),
        (without_extensions, "uvloop"),
    ],
    indirect=["service"],
)
async def test_a_session_survives_a_cut_at_every_frame(
    service: Server, tmp_path: Path, rewrite: Rewrite
) -> None:
    fds = service.fds_in_use()
    whole = await attempt(Trial("whole", rewrite=rewrite), service.url, tmp_path / "whole")
    counts: dict[Direction, int] = {"client": whole.client_frames, "server": whole.server_frames}
    trials = [
        Trial(
            f"{sender} frame {frame}, {part} of it, {way}",
            [Fault(sender, frame, part, way)],
            rewrite,
        )
        for sender in SENDERS
        for frame in range(counts[sender])
        for part, way in CUTS
    ]
    outcomes = await attempt_all(trials, service.url, tmp_path)
    # How output is cut into frames is a matter of timing: the last ones are not always there.
    assert sum(outcome.faults for outcome in outcomes) > len(trials) * 0.75
    await service.back_to_fds(fds)
    assert service.children() == []


RESUMPTION = range(6)
"""What a connection that resumes begins with: handshakes, credit, reads, repeated calls."""

FURTHER_CUTS: tuple[tuple[float, Way], ...] = (*CUTS, (0.5, "strand"), (1.0, "strand"))
"""Stranded is a connection whose end the service does not hear of: it is in the way of the next."""


# The base dialect has gaps where little is retained.
@pytest.mark.parametrize(
    ("rewrite", "service"),
    [(as_it_is, "uvloop"), (as_it_is, "asyncio"), (without_extensions, "uvloop")],
    indirect=["service"],
)
async def test_a_session_survives_a_cut_at_every_frame_of_its_resumption(
    service: Server, tmp_path: Path, rewrite: Rewrite
) -> None:
    trials = [
        Trial(
            f"after {first}: {sender} frame {frame}, {part} of it, {way}",
            [first, Fault(sender, frame, part, way), Fault("server", 3, 0.0, "reset")],
            rewrite,
        )
        for first in (Fault("server", 12, 1.0, "strand"), Fault("client", 9, 0.5, "reset"))
        for sender in SENDERS
        for frame in RESUMPTION
        for part, way in FURTHER_CUTS
    ]
    outcomes = await attempt_all(trials, service.url, tmp_path)
    assert sum(outcome.faults for outcome in outcomes) > len(trials) * 2
    await eventually(lambda: service.children() == [], what="the end of every process")
