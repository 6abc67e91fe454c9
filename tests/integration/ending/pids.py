"""Who a process says that there is of it, and whether they live."""

from tests.harness import procfs
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawProcess


async def printed_pids(process: RawProcess) -> list[int]:
    """Return the numbers in the first line of output."""
    output = await process.until_output(b"\n")
    return [int(word) for word in output.splitlines()[0].split() if word.isdigit()]


async def until_dead(*pids: int) -> None:
    """Wait until none of these runs."""
    await eventually(lambda: not any(map(procfs.is_alive, pids)), what=f"the end of {pids}")
