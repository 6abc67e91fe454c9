"""A service goes on whatever its starter did with its stdin, stdout and stderr."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.deadline import DEADLINE_S, eventually
from tests.harness.raw_peer import raw_peer
from tests.harness.server import minimal_environment
from tests.harness.service import LOOPBACK, service_argv


def launched(
    argv: list[str],
    directory: Path,
    *,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a service; the caller waits for its end."""
    env = minimal_environment(directory)
    return subprocess.Popen(argv, env=env, stdin=stdin, stdout=stdout, stderr=stderr)


async def test_nobody_who_reads_its_log_is_no_reason_to_refuse_work(tmp_path: Path) -> None:
    service = launched(
        service_argv(LOOPBACK, "--no-auth"),
        tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert service.stdout is not None
    assert service.stderr is not None
    with service.stdout:
        url = service.stdout.readline().decode().strip()
        service.stderr.close()
        async with raw_peer(url) as peer:
            process = await peer.start(programs.say("x"))
            await process.until_closed()
            assert process.output() == b"x"
        service.terminate()
        assert service.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
async def test_it_serves_with_closed_standard_files(tmp_path: Path, closed: str) -> None:
    path = tmp_path / "socket"
    service = launched(
        programs.shell(f'exec "$@" {closed}', *service_argv(f"unix:{path}", "--no-auth")), tmp_path
    )
    try:
        await eventually(
            lambda: path.exists() or service.poll() is not None, what="the service to listen"
        )
        async with raw_peer(f"unix:{path}") as peer:
            process = await peer.start(programs.say("x"))
            await process.until_closed()
            assert process.output() == b"x"
    finally:
        service.terminate()
        assert service.wait(DEADLINE_S) == 0


def test_a_log_on_a_terminal_shows_nothing_of_what_a_client_sent(tmp_path: Path) -> None:
    master, terminal = pty.openpty()
    # As where a request ends that met a defect of the service.
    code = (
        "import sys\n"
        "from telexec_service.logs import open_log\n"
        "def serve(params):\n"
        "    try:\n"
        "        raise RuntimeError\n"
        "    except RuntimeError:\n"
        "        open_log('info').events.exception('rpc.crashed')\n"
        "serve({'env': {'NAME': 'hun' + 'ter2'}})\n"
    )
    try:
        with os.fdopen(terminal, "wb") as stderr:
            ended = subprocess.run(
                [sys.executable, "-c", code],
                stderr=stderr,
                env=minimal_environment(tmp_path),
                timeout=DEADLINE_S,
                check=False,
            )
            os.set_blocking(master, False)
            shown = os.read(master, 1_000_000)
    finally:
        os.close(master)
    assert ended.returncode == 0
    assert b"rpc.crashed" in shown
    assert b"RuntimeError" in shown
    assert b"hunter2" not in shown
