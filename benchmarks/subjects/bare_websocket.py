"""A bare WebSocket that says back what it hears: `websockets` at both ends, no processes."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.subjects.program_server import ProgramServer
from benchmarks.subjects.subject import Ability, Connection, Running, Take


class BareWebSocket(ProgramServer):
    """What a round trip costs when nothing is done at the other end."""

    name = "websocket"
    program = "websocket_echo.py"
    about = "a bare echo by the websockets library at both ends, on uvloop; no process"
    abilities = frozenset({Ability.STREAM, Ability.STDIN, Ability.SERVE})

    async def connect(self) -> Connection:
        async with AsyncExitStack() as stack:
            socket = await stack.enter_async_context(connect(self.url, compression=None))
            readers = await stack.enter_async_context(asyncio.TaskGroup())
            return EchoConnection(socket, readers, stack.pop_all())


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
