"""What became another user's cannot be ended by the service, and keeps nothing else alive."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, RawProcess, raw_peer
from tests.harness.required import skip_unless_required
from tests.harness.server import Server, minimal_environment, running_server
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


@pytest.fixture
def become_root(directory: Path) -> str:
    """Return a program that runs others as root, as sudo does."""
    program = directory / "setpriv"
    shutil.copy(programs.tool("setpriv")[0], program)
    program.chmod(0o4755)
    return str(program)


@pytest.fixture
def server(directory: Path) -> Iterator[Server]:
    """Return a service that is not root."""
    config = directory / "config.toml"
    config.write_text(CONFIG)
    options = ["--no-auth", "--config", str(config), "--audit-log", str(directory / "audit.log")]
    argv = service_argv(f"unix:{directory}/socket", *options)
    unprivileged = programs.tool("setpriv", f"--reuid={NOBODY}", "--clear-groups", *argv)
    env = minimal_environment(directory)
    with running_server(unprivileged, env=env, directory=directory) as running:
        yield running


async def foreign(peer: RawPeer, become_root: str) -> RawProcess:
    """Start one that becomes root, and ends by itself when its input does."""
    argv = [become_root, "--reuid=0", *programs.shell("echo ready; read line")]
    process = await peer.start(argv, pipeStdin=True)
    await process.until_output(b"ready\n")
    return process


def recorded_survivors(directory: Path) -> list[dict[str, Any]]:
    """Return what the audit log says of those that could not be ended."""
    records = map(json.loads, (directory / "audit.log").read_text().splitlines())
    return [it for it in records if it["event"] == "processes.survived"]


async def test_one_that_cannot_be_signalled_does_not_keep_the_others_from_ending(
    server: Server, become_root: str
) -> None:
    async with raw_peer(server.url) as peer:
        await foreign(peer, become_root)
        own = await peer.start(programs.sleep())
        pid: int = own.started["pid"]
    await eventually(lambda: not os.path.exists(f"/proc/{pid}"), what="the end of the other")


@pytest.mark.parametrize("grace_ms", [0, 50])
async def test_the_answer_and_the_audit_log_name_one_that_cannot_be_ended(
    server: Server, directory: Path, become_root: str, grace_ms: int
) -> None:
    async with raw_peer(server.url) as peer:
        process = await foreign(peer, become_root)
        pid = process.started["pid"]
        params = {"processId": process.process_id, "graceMs": grace_ms}
        survivors = [{"pid": pid, "uid": 0}]
        answer = await peer.request("process/terminate", params)
        assert answer == {"running": True, "survivors": survivors}
        (record,) = recorded_survivors(directory)
        assert record["survivors"] == survivors
        assert record["process_id"] == process.process_id
        assert record["session_id"] == peer.session_id
        assert procfs.is_alive(pid)


async def test_so_they_do_at_the_end_of_a_session(
    server: Server, directory: Path, become_root: str
) -> None:
    async with raw_peer(server.url) as peer:
        process = await foreign(peer, become_root)
        survivors = [{"pid": process.started["pid"], "uid": 0}]
        # Its input is closed with the session: it may end of itself before it is seen to live on.
        os.kill(process.started["pid"], signal.SIGSTOP)
        try:
            assert await peer.request("session/end") == {"survivors": survivors}
        finally:
            os.kill(process.started["pid"], signal.SIGCONT)
        (record,) = recorded_survivors(directory)
        assert record["survivors"] == survivors
        assert record["session_id"] == peer.session_id
        assert "process_id" not in record


async def test_without_being_asked_for_an_answer_the_audit_log_names_it(
    server: Server, directory: Path, become_root: str
) -> None:
    async with raw_peer(server.url) as peer:
        argv = [become_root, "--reuid=0", *programs.shell("echo ready; read line")]
        process = await peer.start(argv, pipeStdin=True, timeoutMs=300, killGraceMs=10)
        await process.until_output(b"ready\n")
        (record,) = await eventually(
            lambda: recorded_survivors(directory), what="the record of a survivor"
        )
        assert record["survivors"] == [{"pid": process.started["pid"], "uid": 0}]
