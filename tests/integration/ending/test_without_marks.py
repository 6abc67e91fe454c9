"""On a host that does not let marks be set, trees are what can be known without."""

from pathlib import Path

from tests.harness import procfs, programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import raw_peer
from tests.harness.server import minimal_environment, running_server
from tests.harness.service import LOOPBACK, service_argv
from tests.integration.ending.conftest import CONFIG
from tests.integration.ending.pids import printed_pids, until_dead


async def test_what_has_the_session_or_the_parent_is_ended(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    argv = service_argv(LOOPBACK, "--no-auth", "--config", str(config))
    # Whoever has less time than a mark is cannot be given a mark.
    limited = programs.tool("prlimit", "--rttime=1000000000", *argv)
    with running_server(limited, env=minimal_environment(tmp_path), directory=tmp_path) as server:
        async with raw_peer(server.url) as peer:
            stays = await peer.start(programs.scatter("stays", "stubborn", "quiet"))
            pids = await printed_pids(stays)
            # The order of `programs.scatter`; the last left both the session and the parent.
            findable = [pids[0], *pids[1:5], *pids[6:10]]
            assert await stays.terminate() is True
            await until_dead(*findable)
            ended = await peer.start(programs.scatter("quiet"))
            _, *sleepers = await printed_pids(ended)
            await ended.until_closed()
            assert all(map(procfs.is_alive, sleepers))
        await until_dead(sleepers[0], sleepers[2], sleepers[3])
        # What nobody could place is ended with the service.
        await eventually(lambda: bool(server.children()))
    assert not any(map(procfs.is_alive, [*pids, *sleepers]))
