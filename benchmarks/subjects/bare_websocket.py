"""A bare WebSocket that says back what it hears: `websockets` at both ends, no processes."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.subjects.server_process import ServerProcess, minimal_environment
from benchmarks.subjects.subject import Ability, Connection, Running, Subject, Take

_PROGRAM = Path(__file__).parents[1] / "programs" / "websocket_echo.py"


class BareWebSocket(Subject):
    """What a round trip costs when nothing is done at the other end."""

    name = "websocket"
    about = "a bare echo by the websockets library at both ends, on uvloop; no process"
    abilities = frozenset({Ability.STREAM, Ability.STDIN, Ability.SERVE})

    def __init__(self) -> None:
        self._server: ServerProcess | None = None
        self._url = ""

    def check(self) -> None:
        pass

    async def start(self, directory: Path) -> None:
        self._server = ServerProcess(
            [sys.executable, str(_PROGRAM)],
            directory,
            minimal_environment(directory),
            says_address=True,
        )
        self._url = await self._server.address()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    async def connect(self) -> Connection:
        async with AsyncExitStack() as stack:
            socket = await stack.enter_async_context(connect(self._url, compression=None))
            readers = await stack.enter_async_context(asyncio.TaskGroup())
            return EchoConnection(socket, readers, stack.pop_all())

    def server_pids(self) -> list[int]:
        return [self._server.pid] if self._server is not None else []


class EchoConnection(Connection):
    """Its only process is the echo."""

    def __init__(
        self, socket: ClientConnection, readers: asyncio.TaskGroup, stack: AsyncExitStack
    ) -> None:
        self._socket = socket
        self._readers = readers
        self._stack = stack

    async def start(self, argv: Sequence[str], take: Take, *, stdin: bool = False) -> Running:
        reader = self._readers.create_task(_hand_over(self._socket, take), name="reader")
        return EchoProcess(self._socket, reader)

    async def close(self) -> None:
        await self._stack.aclose()


class EchoProcess(Running):
    """Takes the place of `cat`."""

    def __init__(self, socket: ClientConnection, reader: asyncio.Task[None]) -> None:
        self._socket = socket
        self._reader = reader

    async def write(self, data: bytes) -> None:
        await self._socket.send(data)

    async def ended(self) -> int:
        await self._reader
        return 0

    async def stop(self) -> None:
        await self._socket.close()
        await self._reader


async def _hand_over(socket: ClientConnection, take: Take) -> None:
    try:
        while True:
            take(await socket.recv(decode=False))
    except ConnectionClosed:
        pass  # It was stopped.
