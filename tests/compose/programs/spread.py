"""Spread commands over all executors behind one name: `spread.py HOST COMMANDS`.

Reports a list with, for each command, what it printed: the name of its host and its number.
"""

import asyncio
import contextlib
import socket
import sys

from telexec_client import connect
from tests.compose.programs.hosts import HOSTS, report


async def main(host: str, commands: int) -> None:
    known = socket.getaddrinfo(host, 7333, proto=socket.IPPROTO_TCP)
    addresses = sorted({str(address[0]) for *_, address in known})
    token_file = HOSTS[host]["token_file"]
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect(f"ws://{it}:7333", token_file=token_file))
            for it in addresses
        ]

        async def run(number: int) -> list[str]:
            argv = ["sh", "-c", 'echo "$(hostname) $NUMBER"']
            done = await clients[number % len(clients)].run(
                argv, env={"NUMBER": str(number)}, check=True
            )
            return done.stdout.decode().split()

        report(await asyncio.gather(*map(run, range(commands))))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
