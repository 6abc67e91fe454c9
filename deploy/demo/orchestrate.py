"""What an orchestrator does with two executors, and what their processes get to see."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from telexec_client import Client, connect
from telexec_client.errors import EnvironmentRefusedError

HOSTS = {
    "executor-a": {
        "url": "ws://executor-a:7333",
        "token_file": "/run/secrets/executor_a_token",
    },
    "executor-b": {
        "url": "wss://executor-b:7333",
        "token_file": "/run/secrets/executor_b_token",
        "ca_file": "/run/secrets/certificate_authority",
    },
}

BUILD = """
for step in fetch compile test; do
    echo "$TASK: $step"; sleep 0.7
done
"""


def headline(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if os.isatty(1) else f"\n{text}", flush=True)


@asynccontextmanager
async def connected() -> AsyncIterator[dict[str, Client]]:
    async with (
        connect(**HOSTS["executor-a"]) as first,
        connect(**HOSTS["executor-b"]) as second,
    ):
        yield {"executor-a": first, "executor-b": second}


async def show_environment(name: str, client: Client) -> None:
    done = await client.run(["env"], env={"TASK": "demo"}, check=True)
    print(f"{name} ({HOSTS[name]['url']})")
    for line in sorted(done.stdout.decode().splitlines()):
        print(f"    {line}")
    explained = await client.explain_env(env={"TASK": "demo"})
    for variable in explained.dropped:
        if not variable.name.startswith("TELEXEC_"):
            print(f"    {variable.name} kept from it: {variable.rule}")


async def stream_build(name: str, client: Client, began: float) -> None:
    async with client.start(["sh", "-c", BUILD], env={"TASK": "build"}) as process:
        async for piece in process.output():
            for line in piece.data.decode().splitlines():
                print(f"    {time.monotonic() - began:4.1f} s  {name}  {line}", flush=True)
        done = await process.wait()
    print(f"    {time.monotonic() - began:4.1f} s  {name}  exit code {done.exit_code}", flush=True)


async def main() -> None:
    async with connected() as clients:
        headline("The same command, `env`, on two hosts, with the same delta: TASK=demo")
        for name, client in clients.items():
            await show_environment(name, client)
        print(f"REGION is {os.environ['REGION']!r} here, and no process saw that.")

        headline("A build on both at once; its output comes while it runs")
        began = time.monotonic()
        async with asyncio.TaskGroup() as builds:
            for name, client in clients.items():
                builds.create_task(stream_build(name, client, began), name=f"build on {name}")

        headline("What a host does not allow is an error, and nothing is run")
        try:
            await clients["executor-b"].run(
                ["env"], env={"PATH": "/tmp", "LD_PRELOAD": "/tmp/x.so"}
            )
        except EnvironmentRefusedError as error:
            print(f"    executor-b: {error}")


asyncio.run(main())
