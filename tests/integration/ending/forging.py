"""Processes that give themselves the mark of another service."""

import resource

from tests.harness import programs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, RawProcess
from tests.integration.ending.pids import printed_pids


async def forged_mark(
    bystander: RawPeer, peer: RawPeer
) -> tuple[RawProcess, RawProcess, list[int]]:
    """Have a child of `peer`'s process take the mark of one of `bystander`'s, an echo.

    Returns:
        The echo, the process, and the pids of the process and of its child.
    """
    victim = await bystander.start(programs.echo(), pipeStdin=True)
    taken, _ = resource.prlimit(victim.started["pid"], resource.RLIMIT_RTTIME)
    forge = programs.tool("prlimit", f"--rttime={taken}:", *programs.sleep())
    forger = await peer.start(programs.shell('"$@" & echo $$ $!; wait', *forge))
    pids = await printed_pids(forger)
    await eventually(
        lambda: resource.prlimit(pids[1], resource.RLIMIT_RTTIME)[0] == taken,
        what="the taken mark",
    )
    return victim, forger, pids
