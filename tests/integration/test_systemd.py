"""What systemd hears from the service, and what of that no process gets to see."""

import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.notify_socket import NotifySocket, notify_socket
from tests.harness.raw_peer import raw_peer
from tests.harness.service import running_service

LOOPS = {"uvloop": [], "asyncio": ["--no-uvloop"]}
TOLD = {
    "INVOCATION_ID": "4f1c",
    "JOURNAL_STREAM": "9:1",
    "LISTEN_FDS": "0",
    "MEMORY_PRESSURE_WATCH": "/sys/fs/cgroup/memory.pressure",
    "STATE_DIRECTORY": "/var/lib/telexec",
    "SYSTEMD_EXEC_PID": "1",
    "WATCHDOG_USEC": "40000",
}


@pytest.fixture(params=LOOPS)
def loop_options(request: pytest.FixtureRequest) -> list[str]:
    """Return the options that make a service run on one loop or the other."""
    return LOOPS[request.param]


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    """Return systemd's end, by a path or by an abstract name."""
    address = f"@telexec-test-{secrets.token_hex(8)}"
    if request.param == "path":
        address = str(tmp_path / "notify")
    with notify_socket(address) as listening:
        yield listening


async def test_systemd_hears_of_the_start_and_then_of_the_end(
    systemd: NotifySocket, tmp_path: Path, loop_options: list[str]
) -> None:
    env = {"NOTIFY_SOCKET": systemd.address}
    with running_service(tmp_path, env=env, options=loop_options) as server:
        ready = await systemd.message()
        assert ready == {"READY": "1", "STATUS": f"serving {server.url}"}
        server.send_signal(signal.SIGTERM)
        stopping = await systemd.message()
        assert stopping["STOPPING"] == "1"
        assert "READY" not in stopping
        assert await server.ended() == 0


async def test_systemd_hears_when_a_reload_begins_and_when_it_is_over(
    systemd: NotifySocket, tmp_path: Path, loop_options: list[str]
) -> None:
    env = {"NOTIFY_SOCKET": systemd.address}
    with running_service(tmp_path, env=env, options=loop_options) as server:
        ready = await systemd.message()
        before_us = time.monotonic_ns() // 1000
        server.send_signal(signal.SIGHUP)
        reloading = await systemd.message()
        assert reloading["RELOADING"] == "1"
        assert before_us <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert await systemd.message() == ready


async def test_a_service_that_drains_does_not_become_ready_by_a_reload(
    systemd: NotifySocket, tmp_path: Path
) -> None:
    env = {"NOTIFY_SOCKET": systemd.address}
    with running_service(tmp_path, env=env, config="[shutdown]\ndrain_s = 600\n") as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.shell("read line"), pipeStdin=True)
            await systemd.until("READY")
            server.send_signal(signal.SIGTERM)
            await systemd.until("STOPPING")
            server.send_signal(signal.SIGHUP)
            await process.write(b"\n")
            assert await server.ended() == 0
    assert systemd.is_silent()


async def test_systemd_is_asked_to_wait_as_long_as_the_service_may_drain(
    systemd: NotifySocket, tmp_path: Path
) -> None:
    config = "[shutdown]\ndrain_s = 600\nkill_grace_s = 30\n"
    env = {"NOTIFY_SOCKET": systemd.address}
    with running_service(tmp_path, env=env, config=config) as server:
        server.send_signal(signal.SIGTERM)
        stopping = await systemd.until("STOPPING")
        assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 630 * 1_000_000


async def test_the_watchdog_is_fed_while_the_service_serves_and_while_it_drains(
    systemd: NotifySocket, tmp_path: Path, loop_options: list[str]
) -> None:
    env = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "40000"}
    with running_service(tmp_path, env=env, options=loop_options) as server:
        await systemd.until("READY")
        for _ in range(3):
            assert await systemd.message() == {"WATCHDOG": "1"}
        async with raw_peer(server.url) as peer:
            await peer.start(programs.shell("read line"), pipeStdin=True)
            server.send_signal(signal.SIGTERM)
            await systemd.until("STOPPING")
            for _ in range(3):
                assert await systemd.message() == {"WATCHDOG": "1"}
        server.send_signal(signal.SIGTERM)
        assert await server.ended() == 0


async def test_the_watchdog_of_another_process_is_not_fed(
    systemd: NotifySocket, tmp_path: Path
) -> None:
    env = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
    with running_service(tmp_path, env=env) as server:
        await systemd.until("READY")
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.shell("sleep 0.1"))
            assert await process.exit_code() == 0
        server.send_signal(signal.SIGTERM)
        assert "STOPPING" in await systemd.message()


@pytest.mark.parametrize("address", ["/nowhere/notify", "@telexec-nobody", "/" + 200 * "x", "vs:1"])
async def test_a_service_serves_and_ends_well_though_systemd_does_not_listen(
    tmp_path: Path, address: str, loop_options: list[str]
) -> None:
    env = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2000"}
    with running_service(tmp_path, env=env, options=loop_options) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(["true"])
            assert await process.exit_code() == 0
        server.send_signal(signal.SIGTERM)
        assert await server.ended() == 0


async def test_a_service_serves_and_ends_well_though_systemd_reads_nothing(
    systemd: NotifySocket, tmp_path: Path, loop_options: list[str]
) -> None:
    # The kernel keeps a few messages of a reader; these fill what there is at once.
    env = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "2"}
    with running_service(tmp_path, env=env, options=loop_options) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.shell("sleep 0.2; echo done"))
            assert await process.exit_code() == 0
            assert process.output() == b"done\n"
        server.send_signal(signal.SIGTERM)
        assert await server.ended() == 0


@pytest.mark.parametrize("policy", ["bounded", "trusted"])
async def test_a_process_hears_nothing_of_the_unit_and_may_be_told_of_another(
    systemd: NotifySocket, tmp_path: Path, policy: str
) -> None:
    told = TOLD | {"NOTIFY_SOCKET": systemd.address}
    config = f'[env.requests]\npolicy = "{policy}"\n'
    everything = {
        "inherit": "all",
        "ignoreDefaultExcludes": True,
        "exclude": [],
        "set": {},
        "includeOnly": [],
    }
    with running_service(tmp_path, env=told, config=config) as server:
        async with raw_peer(server.url) as peer:
            for choice in ({"envProfile": "default"}, {"envPolicy": everything}):
                process = await peer.start(["env"], **choice, env={"NOTIFY_SOCKET": "/its/own"})
                assert await process.exit_code() == 0
                seen = dict(line.split("=", 1) for line in process.output().decode().splitlines())
                assert told.keys() & seen.keys() == {"NOTIFY_SOCKET"}
                assert seen["NOTIFY_SOCKET"] == "/its/own"
