"""What becomes of a session when its connection is lost, or when its client is done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import eventually
from tests.harness.fault_proxy import fault_proxy
from tests.harness.raw_peer import Json, RawPeer, raw_peer, stdio_peer
from tests.harness.server import Server, minimal_environment
from tests.harness.service import running_service, service_argv


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def generous(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a service that keeps sessions for a minute, or as long as an hour."""
    options = ["--no-uvloop"] if request.param == "asyncio" else []
    config = "[sessions]\nlease_s = 60.0\nmax_lease_s = 3600.0\n"
    directory = tmp_path_factory.mktemp("generous")
    with running_service(directory, config=config, options=options) as server:
        yield server


def granted_ms(peer: RawPeer) -> int:
    assert peer.extensions is not None
    lease_ms: int = peer.extensions["limits"]["leaseMs"]
    return lease_ms


@pytest.mark.parametrize(
    ("wish", "lease_ms"),
    [
        ({}, 60_000),
        ({"onDisconnect": "kill"}, 0),
        ({"onDisconnect": {"graceMs": 0}}, 0),
        ({"onDisconnect": {"graceMs": 1500}}, 1500),
        ({"onDisconnect": {"graceMs": 3_600_000}}, 3_600_000),
        ({"onDisconnect": {"graceMs": 3_600_001}}, 3_600_000),
    ],
)
async def test_a_client_is_told_the_lease_that_it_gets(
    generous: Server, wish: Json, lease_ms: int
) -> None:
    async with raw_peer(generous.url, wish=wish) as peer:
        assert granted_ms(peer) == lease_ms


async def test_nobody_gets_more_than_a_day_of_a_host_that_says_nothing(host: Server) -> None:
    async with raw_peer(host.url, wish={"onDisconnect": {"graceMs": 10**9}}) as peer:
        assert granted_ms(peer) == 86_400_000


async def test_who_asked_for_it_loses_everything_with_the_connection(generous: Server) -> None:
    with fault_proxy(generous.url) as proxy:
        async with raw_peer(proxy.url, wish={"onDisconnect": "kill"}) as peer:
            process = await peer.start(programs.family(3))
            await process.until_output(b"\n")
            pid = process.started["pid"]
            proxy.cut()
        await eventually(lambda: not procfs.is_alive(pid), what="the end of the process")
    async with raw_peer(generous.url, initialize=False) as late:
        params = {"clientName": "late", "resumeSessionId": peer.session_id}
        assert (await late.refusal("initialize", params)).reason == "sessionUnknown"


async def test_a_lease_that_was_asked_for_runs_out(generous: Server) -> None:
    async with raw_peer(generous.url, wish={"onDisconnect": {"graceMs": 300}}) as peer:
        process = await peer.start(programs.ignore_term())
        await process.until_output(b"ready")
    assert procfs.is_alive(process.started["pid"])
    await eventually(lambda: not procfs.is_alive(process.started["pid"]), what="its end")


async def test_a_resume_keeps_the_lease_unless_it_says_another(generous: Server) -> None:
    async with raw_peer(generous.url, wish={"onDisconnect": {"graceMs": 2000}}) as peer:
        session = peer.session_id
    async with raw_peer(generous.url, resume=session) as peer:
        assert granted_ms(peer) == 2000
    wish = {"onDisconnect": {"graceMs": 9000}}
    async with raw_peer(generous.url, resume=session, wish=wish) as peer:
        assert granted_ms(peer) == 9000


async def test_a_client_that_is_done_leaves_nothing(generous: Server) -> None:
    async with raw_peer(generous.url, initialize=False) as other:
        async with raw_peer(generous.url) as peer:
            group = await peer.start(programs.family(3))
            await group.until_output(b"\n")
            leaver = await peer.start(programs.grandchild_that_holds_the_pipe())
            await leaver.until_exited()
            left = int((await leaver.until_output(b"\n")).split()[1])
            assert await peer.request("session/end") == {"survivors": []}
            # When it is answered, nothing is left, also not of what ended before.
            assert not procfs.is_alive(left)
            assert all(child.state == "Z" for child in generous.children())
            for method, params in (
                ("process/start", {**START, "processId": "late"}),
                ("process/list", {}),
                ("session/end", {}),
            ):
                error = await peer.refusal(method, params)
                assert (error.code, error.reason) == (-32600, "sessionEnded")
        params = {"clientName": "other", "resumeSessionId": peer.session_id}
        assert (await other.refusal("initialize", params)).reason == "sessionUnknown"


START = {"argv": programs.succeed(), "cwd": "file:///", "env": {}, "tty": False}


async def test_the_end_may_leave_processes_time(generous: Server, tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = 'trap "echo bye > \\"$1\\"; exit" TERM; echo ready; while :; do sleep 0.02; done'
    async with raw_peer(generous.url) as peer:
        process = await peer.start(programs.shell(script, str(said)), env={"PATH": "/usr/bin:/bin"})
        await process.until_output(b"ready\n")
        assert await peer.request("session/end", {"graceMs": 20_000}) == {"survivors": []}
        assert said.read_text() == "bye\n"


async def test_a_session_without_processes_ends_as_well(generous: Server) -> None:
    async with raw_peer(generous.url) as peer:
        assert await peer.request("session/end") == {"survivors": []}
    async with raw_peer(generous.url, initialize=False) as late:
        params = {"clientName": "late", "resumeSessionId": peer.session_id}
        assert (await late.refusal("initialize", params)).reason == "sessionUnknown"


async def test_a_session_on_stdio_ends_too(tmp_path: Path) -> None:
    env = minimal_environment(tmp_path)
    async with stdio_peer(service_argv("stdio"), env=env, directory=tmp_path) as peer:
        process = await peer.start(programs.sleep())
        assert await peer.request("session/end") == {"survivors": []}
        assert not procfs.is_alive(process.started["pid"])
