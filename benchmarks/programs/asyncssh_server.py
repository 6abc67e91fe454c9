"""An SSH server that runs commands, by AsyncSSH: `asyncssh_server.py PORT HOST_KEY LOGIN_KEYS`.

Run by the interpreter of the peers' venv. Bytes are handed over here and not by
`SSHServerProcess.redirect`, which raises under back-pressure.
"""

import asyncio
import contextlib
import importlib
import os
import shlex
import signal
import sys
from typing import Any

PIECE_BYTES = 65536

# Of the peers' venv, which type checkers do not see.
asyncssh: Any = importlib.import_module("asyncssh")


async def handle(session: Any) -> None:
    process = await asyncio.create_subprocess_exec(
        *shlex.split(session.command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            feeding = tasks.create_task(feed(session, process), name="stdin")
            outputs = [
                tasks.create_task(hand_over(process.stdout, session.stdout), name="stdout"),
                tasks.create_task(hand_over(process.stderr, session.stderr), name="stderr"),
            ]
            await asyncio.wait(outputs)
            code = await process.wait()
            feeding.cancel()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        session.exit(code if code >= 0 else 128 - code)


async def feed(session: Any, process: asyncio.subprocess.Process) -> None:
    stdin: Any = process.stdin
    try:
        while data := await session.stdin.read(PIECE_BYTES):
            stdin.write(data)
            await stdin.drain()
    except asyncssh.SignalReceived:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    except (ConnectionError, asyncssh.Error):
        pass
    finally:
        stdin.close()


async def hand_over(reader: Any, writer: Any) -> None:
    with contextlib.suppress(ConnectionError, asyncssh.Error):
        while data := await reader.read(PIECE_BYTES):
            writer.write(data)
            await writer.drain()


async def main(port: str, host_key: str, login_keys: str) -> None:
    server = await asyncssh.create_server(
        asyncssh.SSHServer,
        "127.0.0.1",
        int(port),
        server_host_keys=[host_key],
        authorized_client_keys=login_keys,
        process_factory=handle,
        encoding=None,
        backlog=2000,
    )
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    server.close()


asyncio.run(main(*sys.argv[1:]))
