"""`telexec-service ready`, as a health check calls it."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.harness.certificates import TLS_LOOPBACK, Authority
from tests.harness.deadline import DEADLINE_S
from tests.harness.raw_peer import raw_peer
from tests.harness.server import minimal_environment
from tests.harness.service import running_service, service_argv

Ended = subprocess.CompletedProcess[str]


def ready(directory: Path, listen: str) -> Ended:
    """Ask whether the service that listens there is ready."""
    return subprocess.run(
        [*service_argv("")[:3], "ready", "--listen", listen],
        capture_output=True,
        check=False,
        cwd=directory,
        env=minimal_environment(directory),
        text=True,
        timeout=DEADLINE_S,
    )


def failure(ended: Ended) -> str:
    """Return why it is not ready."""
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("listen", ["ws://127.0.0.1:0", "ws://[::1]:0", "unix"])
def test_a_service_that_serves_is_ready(tmp_path: Path, listen: str) -> None:
    if listen == "unix":
        listen = f"unix:{tmp_path}/socket"
    with running_service(tmp_path, listen=listen) as service:
        asked = ready(tmp_path, service.url)
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", "")


def test_a_service_with_tls_is_asked_without_a_look_at_its_certificate(tmp_path: Path) -> None:
    options = Authority(tmp_path).issue("build1.example").options
    with running_service(tmp_path, listen=TLS_LOOPBACK, options=options) as service:
        asked = ready(tmp_path, service.url)
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", "")


def test_a_service_that_listens_everywhere_is_asked_on_loopback(tmp_path: Path) -> None:
    with running_service(
        tmp_path, listen="ws://0.0.0.0:0", guarded=True, options=["--plaintext"]
    ) as service:
        asked = subprocess.run(
            [*service_argv(service.url), "--plaintext", "ready"],
            check=False,
            cwd=tmp_path,
            env=minimal_environment(tmp_path),
            timeout=DEADLINE_S,
        )
    assert asked.returncode == 0


async def test_a_service_that_drains_is_not_ready(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[shutdown]\ndrain_s = 60.0\n") as service:
        async with raw_peer(service.url) as peer:
            await peer.start(["/bin/sleep", "1000"])
            service.send_signal(signal.SIGTERM)
            while not (asked := ready(tmp_path, service.url)).returncode:
                pass
            assert "takes no work: it answered 503" in failure(asked)
            service.send_signal(signal.SIGTERM)
            await service.ended()


def test_where_nobody_listens_nothing_is_ready(tmp_path: Path) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    assert failure(ready(tmp_path, url)) == (
        f"telexec-service: cannot ask the service at {url}: Connection refused\n"
    )
    assert "No such file" in failure(ready(tmp_path, f"unix:{tmp_path}/none"))


def test_what_is_no_service_is_not_ready(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"ws://127.0.0.1:{deaf.getsockname()[1]}"
        assert "timed out" in failure(ready(tmp_path, url))


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("ws://127.0.0.1:0", "use --listen with a port"),
        ("stdio", "only its peer can reach it"),
        ("http://x", "cannot listen on 'http://x'"),
    ],
)
def test_what_cannot_be_asked_is_said(tmp_path: Path, listen: str, why: str) -> None:
    assert why in failure(ready(tmp_path, listen))
