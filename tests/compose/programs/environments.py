"""Report what a process on each executor has for an environment: `{host: {name: value}}`."""

import asyncio

from tests.compose.programs.hosts import connect_to, report


async def environment_on(host: str) -> dict[str, str]:
    async with connect_to(host) as client:
        done = await client.run(["/usr/bin/env", "-0"], env={"TASK": "of the request"}, check=True)
    pairs = done.stdout.decode().rstrip("\0").split("\0")
    return dict(pair.split("=", 1) for pair in pairs)


async def main() -> None:
    report({host: await environment_on(host) for host in ("executor-a", "executor-b")})


asyncio.run(main())
