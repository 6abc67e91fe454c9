"""Fill a directory on an executor until it is full, and see that the executor works on.

Reports what writing a file too large came to, what a process that wrote too much was told, and
what a file that fits holds when it is read back.
"""

import asyncio
import sys

from telexec_client import TelexecError
from tests.compose.programs.hosts import connect_to, report

TOO_MUCH = 8 * 1024 * 1024


async def main(host: str, directory: str) -> None:
    async with connect_to(host) as client:
        try:
            await client.files.write(f"{directory}/large", bytes(TOO_MUCH))
        except TelexecError as error:
            failure = [type(error).__name__, str(error)]
        else:
            failure = []
        await client.files.remove(f"{directory}/large", missing_ok=True)
        filled = await client.run(["dd", "if=/dev/zero", f"of={directory}/full", "bs=64k"])
        removed = await client.run(["rm", f"{directory}/full"])
        await client.files.write(f"{directory}/small", b"fits")
        report(
            {
                "write": failure,
                "dd": [filled.exit_code, filled.stderr.decode()],
                "rm": removed.exit_code,
                "small": (await client.files.read(f"{directory}/small")).decode(),
            }
        )


asyncio.run(main(sys.argv[1], sys.argv[2]))
