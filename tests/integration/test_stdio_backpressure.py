"""A peer on stdio that does not read: it loses nothing, and takes no more memory than its share."""

import base64
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import DEADLINE_S, eventually
from tests.harness.server import is_guardian, minimal_environment
from tests.harness.service import service_argv

HELLO = (
    b'{"id":1,"method":"initialize","params":{"clientName":"x"}}\n'
    b'{"method":"initialized","params":{}}\n'
)
MIB = 1024 * 1024


@pytest.fixture(params=[[], ["--no-uvloop"]], ids=["uvloop", "asyncio"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Return a service on pipes, nothing of whose answers is read."""
    with subprocess.Popen(
        service_argv("stdio", "--debuggable", *request.param),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=minimal_environment(tmp_path),
        bufsize=0,
    ) as process:
        yield process
        process.kill()


async def test_what_it_was_sent_before_sigterm_still_arrives(
    service: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    assert service.stdin is not None
    assert service.stdout is not None
    size = 300_000
    wrote = tmp_path / "wrote"
    params: dict[str, Any] = {
        "processId": "p",
        "argv": programs.shell(f'head -c {size} /dev/zero; touch "$1"', str(wrote)),
        "cwd": "file:///",
        "env": {"PATH": "/usr/bin:/bin"},
        "tty": False,
    }
    start = {"id": 2, "method": "process/start", "params": params}
    service.stdin.write(HELLO + json.dumps(start).encode() + b"\n")

    def has_ended() -> bool:
        offspring = procfs.descendants(service.pid)
        return wrote.exists() and all(is_guardian(it.pid) for it in offspring)

    await eventually(has_ended, what="the child's end")
    service.send_signal(signal.SIGTERM)
    frames = [json.loads(line) for line in service.stdout.readlines()]
    assert frames[-1]["method"] == "process/closed"
    chunks = [f["params"]["chunk"] for f in frames if f.get("method") == "process/output"]
    assert sum(len(base64.b64decode(chunk)) for chunk in chunks) == size
    assert service.wait(DEADLINE_S) == 0


def writing(descriptor: int, data: bytes) -> Iterator[bool]:
    """Write as much as is taken, then again; yield whether it was nothing for many times."""
    os.set_blocking(descriptor, False)
    in_vain = 0
    while data:
        try:
            data = data[os.write(descriptor, data[:MIB]) :]
            in_vain = 0
        except BlockingIOError:
            in_vain += 1
        yield in_vain > 50
    raise AssertionError("the service took every request")


async def test_its_requests_wait_until_it_takes_its_answers(
    service: "subprocess.Popen[bytes]",
) -> None:
    assert service.stdin is not None
    requests = b'{"id":2,"method":"environment/info","params":{}}\n' * 500_000
    service.stdin.write(HELLO)
    # All of it would be answered by more than 150 MiB.
    sent = writing(service.stdin.fileno(), requests)
    before = procfs.resident_bytes(service.pid)
    await eventually(lambda: next(sent), what="the service to read no more")
    assert procfs.resident_bytes(service.pid) - before < 100 * MIB
