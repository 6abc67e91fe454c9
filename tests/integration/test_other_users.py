"""What became another user's cannot be ended by the service, and keeps nothing else alive."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import raw_peer
from tests.harness.required import skip_unless_required
from tests.harness.server import minimal_environment, running_server
from tests.harness.service import service_argv

NOBODY = "65534"
CONFIG = "[sessions]\nlease_s = 0.2\n[shutdown]\ndrain_s = 0.1\nkill_grace_s = 0.1\n"

pytestmark = pytest.mark.root


@pytest.fixture
def directory() -> Iterator[Path]:
    """Return a directory that every user may use."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        skip_unless_required("cannot become other users: needs root and setpriv(1)")
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o777)
        yield Path(path)


async def test_one_that_cannot_be_signalled_does_not_keep_the_others_from_ending(
    directory: Path,
) -> None:
    config = directory / "config.toml"
    config.write_text(CONFIG)
    become_root = directory / "setpriv"
    shutil.copy(programs.tool("setpriv")[0], become_root)
    become_root.chmod(0o4755)
    argv = service_argv(f"unix:{directory}/socket", "--no-auth", "--config", str(config))
    unprivileged = programs.tool("setpriv", f"--reuid={NOBODY}", "--clear-groups", *argv)
    env = minimal_environment(directory)
    with running_server(unprivileged, env=env, directory=directory) as server:
        async with raw_peer(server.url) as peer:
            # As sudo does. It ends by itself: nobody here may end it.
            foreign = [str(become_root), "--reuid=0", *programs.shell("echo ready; read line")]
            held = await peer.start(foreign, pipeStdin=True)
            await held.until_output(b"ready\n")
            own = await peer.start(programs.sleep())
            pid: int = own.started["pid"]
        await eventually(lambda: not os.path.exists(f"/proc/{pid}"), what="the end of the other")
