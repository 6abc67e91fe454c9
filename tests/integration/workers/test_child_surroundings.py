"""A process of a worker has nothing of the connections that the worker serves."""

from contextlib import AsyncExitStack

import pytest

from tests.harness import programs
from tests.harness.raw_peer import raw_peer
from tests.harness.server import Server
from tests.integration.workers.crew import slot_of

NAMES = ("build", "test", "deploy", "docs")
"""Names lead to workers, so that some of these connections are passed on."""


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "tty"])
async def test_only_the_three_standard_descriptors_are_open(three: Server, *, tty: bool) -> None:
    async with AsyncExitStack() as held:
        peers = [await held.enter_async_context(raw_peer(three.url)) for _ in range(3)]
        for name in NAMES:
            wish = {"sessionName": name}
            peers.append(await held.enter_async_context(raw_peer(three.url, wish=wish)))
        assert {slot_of(peer) for peer in peers} == {0, 1, 2}
        for peer in peers:
            process = await peer.start(programs.print_open_fds(), tty=tty)
            await process.until_closed()
            assert process.output().split() == [b"0", b"1", b"2"]
