"""A network that goes away: within the lease nothing is lost, beyond it nothing is left."""

import asyncio
from pathlib import Path

from tests.compose.docker import docker
from tests.compose.project import Project
from tests.harness.deadline import eventually_blocking

LAST = 7_000_000
"""Lines with the numbers up to this are a bit more than 50 MiB."""

OUTAGE_S = 5.0


async def test_an_outage_within_the_lease_loses_and_repeats_no_line(
    project: Project, tmp_path: Path
) -> None:
    config = "[sessions]\nlease_s = 90.0\n"
    with (
        project.executor(config=config, directory=tmp_path) as spare,
        project.program("count", "spare", str(LAST), "10000000") as counting,
    ):
        assert counting.next()["paused_after"] >= 10_000_000
        docker("network", "disconnect", project.network, spare.name)
        counting.tell("go on")
        # What is on trial is an outage of some length; nothing is waited for.
        await asyncio.sleep(OUTAGE_S)
        docker("network", "connect", "--alias", "spare", project.network, spare.name)
        assert counting.next() == {"lines": LAST, "exit_code": 0}


def test_beyond_the_lease_the_processes_are_gone_and_the_client_is_told(
    project: Project, tmp_path: Path
) -> None:
    config = "[sessions]\nlease_s = 2.0\n[keepalive]\ninterval_s = 1.0\ntimeout_s = 1.0\n"
    script = "sleep 1001 & exec sleep 1002"
    with (
        project.executor(config=config, directory=tmp_path) as spare,
        project.program("watch", "spare", "sh", "-c", script) as watching,
    ):
        assert "pid" in watching.next()
        eventually_blocking(
            lambda: {"sleep 1001", "sleep 1002"} <= set(spare.processes()), what="its processes"
        )
        docker("network", "disconnect", project.network, spare.name)
        eventually_blocking(
            lambda: not {"sleep 1001", "sleep 1002"} & set(spare.processes()),
            what="the end of its processes",
        )
        docker("network", "connect", "--alias", "spare", project.network, spare.name)
        assert watching.next()["error"] == "SessionLostError"
