"""Run a command on an executor: `watch.py HOST COMMAND...`.

Reports `{"pid": N}`, a `{"line": TEXT}` for each line as it comes, and then how it ended:
`{"exit_code", "signal", "reason"}` or `{"error": CLASS, "text"}`.
"""

import asyncio
import sys

from telexec_client import TelexecError
from tests.compose.programs.hosts import connect_to, report


async def main(host: str, argv: list[str]) -> None:
    try:
        async with connect_to(host) as client:
            process = await client.start(argv)
            report({"pid": process.pid})
            rest = b""
            async for data in process.stdout:
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    report({"line": line.decode()})
            done = await process.wait()
            report({"exit_code": done.exit_code, "signal": done.signal, "reason": done.reason})
    except TelexecError as error:
        report({"error": type(error).__name__, "text": str(error)})


asyncio.run(main(sys.argv[1], sys.argv[2:]))
