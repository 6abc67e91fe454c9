"""Looking at the workers of a service."""

from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

from tests.harness import procfs, programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, raw_peer
from tests.harness.server import Server

WORKER = "telexec-worker"

KEPT = 2
MAX_OPENED = 20


def workers(server: Server) -> list[int]:
    """Return the pids of the workers that run."""
    return [
        it.pid
        for it in procfs.children(server.pid)
        if it.name == WORKER and it.state not in {"Z", "X"}
    ]


async def until_workers(server: Server, count: int, *without: int) -> None:
    """Wait until so many run, none of which is one of `without`."""

    def are_there() -> bool:
        return len(set(workers(server)) - set(without)) == count

    await eventually(are_there, what=f"{count} workers")


def slot_of(peer: RawPeer) -> int:
    """Return which worker has the session of a peer: its id says that (docs/service.md)."""
    return UUID(peer.session_id).bytes[15]


async def pid_of(peer: RawPeer) -> int:
    """Return the pid of the worker that has the session of a peer."""
    process = await peer.start(programs.shell("echo $PPID"))
    await process.until_closed()
    return int(process.output())


async def crowd(server: Server, slot: int, held: AsyncExitStack, **options: Any) -> int:
    """Give a worker `KEPT` connections, so that the next ones go elsewhere.

    Returns:
        How many connections were opened for that; the others are closed.
    """
    kept = 0
    async with AsyncExitStack() as others:
        for opened in range(1, MAX_OPENED):
            async with AsyncExitStack() as this:
                peer = await this.enter_async_context(raw_peer(server.url, **options))
                is_there = slot_of(peer) == slot
                (held if is_there else others).push_async_exit(this.pop_all())
                kept += is_there
            if kept == KEPT:
                return opened
    raise AssertionError(f"too few connections came to worker {slot}")
