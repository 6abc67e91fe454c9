"""A minute of everything at once; `python -m tests.faults.soak` does it for longer."""

from pathlib import Path

import pytest

from tests.faults.soak.run import config, soak
from tests.harness.service import running_service


@pytest.mark.timeout(300)
async def test_a_minute_of_everything_at_once_loses_nothing_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path, config=config(tmp_path, None)) as server:
        report = await soak(server, tmp_path, group=None, seconds=60, sessions=100, seed=1)
    assert report.complaints == []
    # It was no idle minute.
    assert report.ledger.cuts > 50
    assert report.ledger.processes > 50
    assert report.ledger.expired_sessions > 0
    assert report.ledger.killed_clients > 0
    assert report.ledger.most_spill_files > 0
