"""Read numbered lines from an executor and check each: `count.py HOST LAST PAUSE_AFTER_BYTES`.

Reports `{"paused_after": BYTES}`, waits for a line on stdin, reads on, and reports `{"lines": N,
"exit_code": C}`, or the first line that is not the next number.
"""

import asyncio
import sys

from tests.compose.programs.hosts import connect_to, report


async def main(host: str, last: int, pause_after: int) -> None:
    expected = received = 0
    rest = b""
    async with connect_to(host) as client, client.start(["seq", "1", str(last)]) as process:
        async for data in process.stdout:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                expected += 1
                if line != b"%d" % expected:
                    report({"expected": expected, "got": line.decode()})
                    return
            if received < pause_after <= received + len(data):
                report({"paused_after": received + len(data)})
                await asyncio.to_thread(sys.stdin.readline)
            received += len(data)
        done = await process.wait()
        report({"lines": expected, "exit_code": done.exit_code})


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
