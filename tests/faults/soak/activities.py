"""What a session does in a soak run: each activity knows what must come of it."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable

from telexec_client import Client, errors
from tests.faults.soak.ledger import Ledger
from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within

END_S = 60.0
"""How long the end of an activity may take, with all the cuts in between."""

Activity = Callable[[Client, Ledger, random.Random], Awaitable[None]]


async def echo(client: Client, ledger: Ledger, chance: random.Random) -> None:
    """Write lines in pieces of any size, and have them back."""
    last = chance.randint(1, 30_000)
    data = programs.expected_lines(1, last)
    process = await client.start(programs.echo(), stdin=True)
    ledger.processes += 1

    async def write() -> None:
        rest = memoryview(data)
        while rest:
            size = chance.randint(1, 100_000)
            await process.write(rest[:size])
            rest = rest[size:]
        await process.close_stdin()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write(), name="input")
        done = await within(process.wait(), what="the end of an echo", deadline_s=END_S)
    ledger.input_bytes += len(data)
    ledger.check_lines(done.stdout, last, is_whole=True)
    ledger.expect(done.exit_code == 0, f"an echo ended with {done.exit_code}")


async def flood(client: Client, ledger: Ledger, chance: random.Random) -> None:
    """Read as fast as it comes."""
    last = chance.randint(1, 250_000)
    ledger.processes += 1
    run = client.run(programs.numbered_lines(1, last))
    done = await within(run, what="the end of a flood", deadline_s=END_S)
    ledger.check_lines(done.stdout, last, is_whole=True)
    ledger.expect(done.exit_code == 0, f"a flood ended with {done.exit_code}")


async def slow_reader(client: Client, ledger: Ledger, chance: random.Random) -> None:
    """Read so slowly that the process has to wait."""
    last = 200_000
    received: list[bytes] = []
    async with client.start(programs.numbered_lines(1, last)) as process:
        ledger.processes += 1
        async for data in process.stdout:
            received.append(data)
            # The reader's pace; nothing is waited for by it.
            await asyncio.sleep(chance.random() * 0.2)
        done = await within(process.wait(), what="the end of a slow one", deadline_s=END_S)
    ledger.check_lines(b"".join(received), last, is_whole=True)
    ledger.expect(done.exit_code == 0, f"a slowly read one ended with {done.exit_code}")


async def small_ends(client: Client, ledger: Ledger, chance: random.Random) -> None:
    """Several short ones at once, each with an end of its own."""
    codes = [chance.randint(0, 125) for _ in range(5)]
    runs = [client.run(programs.exit_with(code)) for code in codes]
    ledger.processes += len(runs)
    all_done = await within(asyncio.gather(*runs), what="short ones", deadline_s=END_S)
    ended = [done.exit_code for done in all_done]
    ledger.expect(ended == codes, f"{ended} instead of {codes}")


async def killed(client: Client, ledger: Ledger, chance: random.Random) -> None:
    """Kill a process on the host while it writes: its end is told, and all it wrote before."""
    last = 2_000_000
    process = await client.start(programs.shell(f"echo $$; exec seq 1 {last}"))
    ledger.processes += 1
    received = b""
    for _ in range(chance.randint(1, 5)):
        received += await process.stdout.read()
    first, _, received = received.partition(b"\n")
    os.kill(int(first), signal.SIGKILL)
    ledger.killed_processes += 1
    done = await within(process.wait(), what="the end of a killed one", deadline_s=END_S)
    ledger.check_lines(received + done.stdout, last, is_whole=False)
    ledger.expect(
        (done.exit_code, done.signal) == (137, "SIGKILL"),
        f"a killed one ended with {done.exit_code}, {done.signal}",
    )


async def terminated_tree(client: Client, ledger: Ledger, chance: random.Random) -> None:
    """Terminate a process that has scattered others."""
    process = await client.start(programs.family(3))
    ledger.processes += 1
    line = b""
    while not line.endswith(b"\n"):
        line += await process.stdout.read()
    await process.terminate(grace_s=chance.choice([0.0, 0.5]))
    await within(process.wait(), what="the end of a terminated one", deadline_s=END_S)
    await eventually(
        lambda: not any(procfs.is_alive(int(pid)) for pid in line.split()),
        what="the end of a family",
    )


async def left_unread(client: Client, ledger: Ledger, chance: random.Random) -> None:
    """Start one that writes without end, read nothing, and leave it."""
    async with client.start(programs.tool("yes")) as process:
        ledger.processes += 1
        await asyncio.sleep(chance.random())  # how long it is left alone
    pid = process.pid
    if pid is not None:
        await eventually(lambda: not procfs.is_alive(pid), what="the end of an unread one")


async def terminal(client: Client, ledger: Ledger, chance: random.Random) -> None:
    """Talk to a terminal."""
    number = chance.randint(1, 10_000)
    script = "stty -echo; echo ready; read line; echo $line"
    process = await client.start(programs.shell(script), tty=True)
    ledger.processes += 1
    received = b""
    while received != b"ready\r\n":
        received += await process.stdout.read()
    await process.write(b"%d\n" % number)
    done = await within(process.wait(), what="the end of a terminal", deadline_s=END_S)
    ledger.expect(done.stdout == b"%d\r\n" % number, f"a terminal said {done.stdout!r}")


ACTIVITIES: tuple[Activity, ...] = (
    echo,
    flood,
    slow_reader,
    small_ends,
    killed,
    terminated_tree,
    left_unread,
    terminal,
)


async def stay_away(client: Client, ledger: Ledger, go_away: Callable[[], None]) -> None:
    """Lose the network for longer than the lease: all processes end, and everybody is told."""
    process = await client.start(programs.say_and_sleep("x"))
    ledger.processes += 1
    assert await process.stdout.read() == b"x"
    go_away()
    try:
        await within(process.wait(), what="the news of the end", deadline_s=END_S)
    except errors.SessionLostError:
        ledger.expired_sessions += 1
    else:
        ledger.expect(holds=False, what="a process ended that nobody ended")
    pid = process.pid
    if pid is not None:
        await eventually(lambda: not procfs.is_alive(pid), what="the end by the lease")
