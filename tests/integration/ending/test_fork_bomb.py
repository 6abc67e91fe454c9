"""What starts new processes as fast as it can is ended, too."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import raw_peer
from tests.harness.required import skip_unless_required
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import LOOPBACK, service_argv

USER = 61_234
"""Nobody else is this user: a limit on its processes is one on the test's."""

MOST_PROCESSES = 120

pytestmark = pytest.mark.root

# The user may not run the interpreter of these tests.
BOMB = "echo ready; f() { while :; do f & done; }; exec 2>/dev/null; f"
DETACHED_BOMB = f"setsid sh -c '{BOMB}' & exit"


@pytest.fixture(params=["uvloop", "asyncio"])
def unprivileged(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Return a service of a user that may have a few processes only."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        skip_unless_required("cannot become other users: needs root and setpriv(1)")
    with tempfile.TemporaryDirectory() as path:
        directory = Path(path)
        directory.chmod(0o777)
        options = ["--no-uvloop"] if request.param == "asyncio" else []
        argv = service_argv(LOOPBACK, "--no-auth", *options)
        other = programs.tool("setpriv", f"--reuid={USER}", "--clear-groups", *argv)
        limited = programs.tool("prlimit", f"--nproc={MOST_PROCESSES}", *other)
        with running_server(
            limited, env=minimal_environment(directory), directory=directory
        ) as server:
            yield server


@pytest.mark.parametrize("script", [BOMB, DETACHED_BOMB], ids=["attached", "detached"])
async def test_a_fork_bomb_is_ended_and_others_are_not(unprivileged: Server, script: str) -> None:
    async with raw_peer(unprivileged.url) as peer:
        other = await peer.start(programs.echo(), pipeStdin=True)
        bomb = await peer.start(programs.shell(script), env={"PATH": os.environ["PATH"]})
        await bomb.until_output(b"ready")
        await eventually(
            lambda: len(unprivileged.children()) > MOST_PROCESSES / 2, what="the explosion"
        )
        answer = await peer.request(
            "process/terminate", {"processId": bomb.process_id, "graceMs": 50}
        )
        assert answer["survivors"] == []

        def is_alone() -> bool:
            living = [it.pid for it in unprivileged.children() if it.state != "Z"]
            return living == [other.started["pid"]]

        await eventually(is_alone, what="the end of the bomb")
        await other.write(b"still here\n")
        await other.until_output(b"still here\n")
        await other.close_stdin()
        assert procfs.is_alive(unprivileged.pid)
