"""A host that says what a test wants it to say, also what no host should."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from telexec_client import Client, connect, errors
from tests.harness.deadline import within

Json = dict[str, Any]

HOST: Json = {
    "shell": {"name": "sh", "path": "/bin/sh"},
    "executorVersion": "0",
    "providerId": "scripted",
    "cwd": "file:///",
    "userHomeDir": "file:///",
    "tempDir": "file:///tmp",
    "platformOs": "linux",
}

GRANT: Json = {
    "version": 1,
    "server": "scripted",
    "limits": {
        "leaseMs": 20_000,
        "maxFrameBytes": 1_000_000,
        "retainedBytes": 1_000_000,
        "maxProcesses": 10,
    },
    "closeStdin": True,
    "signals": True,
    "resize": True,
    "envUnset": True,
    "timeouts": True,
    "flow": True,
    "lost": True,
}


class Line:
    """One connection of a client, seen from the host."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self.hung_up = asyncio.Event()

    async def receive(self) -> Json:
        """Return the next frame of the client."""
        frame = await within(self._connection.recv(), what="a frame of the client")
        decoded: Json = json.loads(frame)
        return decoded

    async def expect(self, method: str) -> Json:
        """Return the next frame of the client, which must be of this method."""
        frame = await self.receive()
        assert frame.get("method") == method, frame
        return frame

    async def send(self, frame: Json | str) -> None:
        """Send a frame."""
        await self._connection.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def answer(self, request: Json, result: Json) -> None:
        """Answer a request."""
        await self.send({"id": request["id"], "result": result})

    async def refuse(self, request: Json, code: int, message: str, **data: object) -> None:
        """Refuse a request."""
        error: Json = {"code": code, "message": message}
        if data:
            error["data"] = data
        await self.send({"id": request["id"], "error": error})

    async def notify(self, method: str, **params: object) -> None:
        """Send a notification."""
        await self.send({"method": method, "params": params})

    async def push(self, process_id: str, seq: int, text: str, stream: str = "stdout") -> None:
        """Push output."""
        await self.notify(
            "process/output", processId=process_id, seq=seq, stream=stream, chunk=encoded(text)
        )

    async def push_end(self, process_id: str, seq: int, exit_code: int = 0) -> None:
        """Push an exit, and behind it the close."""
        await self.notify("process/exited", processId=process_id, seq=seq, exitCode=exit_code)
        await self.notify("process/closed", processId=process_id, seq=seq + 1)

    async def open_session(self, *, grant: Json | None = None) -> Json:
        """Do the host's part of the handshake; return what the client asked for."""
        request = await self.expect("initialize")
        result: Json = {"sessionId": "session", "environmentInfo": HOST}
        if grant is not None:
            result["telexec"] = grant
        await self.answer(request, result)
        await self.expect("initialized")
        params: Json = request["params"]
        return params

    async def start_process(self) -> str:
        """Answer a start; return the process id."""
        request = await self.expect("process/start")
        process_id: str = request["params"]["processId"]
        await self.answer(request, {"processId": process_id, "sandboxType": "none"})
        return process_id

    def cut(self) -> None:
        """Break the connection."""
        self._connection.transport.abort()
        self.hung_up.set()


class ScriptedHost:
    """Listens, and hands out one `Line` per connection."""

    def __init__(self) -> None:
        self.url = ""
        self._lines: asyncio.Queue[Line] = asyncio.Queue()

    async def line(self) -> Line:
        """Return the next connection."""
        return await within(self._lines.get(), what="a connection")

    async def serve(self, connection: ServerConnection) -> None:
        """Keep a connection until either side ends it."""
        await self._lines.put(Line(connection))
        await connection.wait_closed()


@asynccontextmanager
async def scripted_host() -> AsyncGenerator[ScriptedHost]:
    """Run a scripted host on loopback until the block ends."""
    host = ScriptedHost()
    async with serve(host.serve, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        host.url = f"ws://127.0.0.1:{port}"
        yield host


@asynccontextmanager
async def client_of(
    host: ScriptedHost, grant: Json | None = GRANT
) -> AsyncGenerator[tuple[Client, Line]]:
    """Connect a client; what it leaves unanswered is cut off in the end."""

    async def open_() -> Client:
        return await connect(host.url)

    opening = asyncio.ensure_future(open_())
    line = await host.line()
    await line.open_session(grant=grant)
    client = await within(opening, what="the client")
    try:
        yield client, line
    finally:
        client._connection.end(errors.ClientClosedError)
        await client.close()


async def reconnected(host: ScriptedHost, line: Line, grant: Json | None = GRANT) -> Line:
    """Break a connection, and take the next one."""
    line.cut()
    following = await host.line()
    params = await following.open_session(grant=grant)
    assert params["resumeSessionId"] == "session"
    return following


def encoded(text: str) -> str:
    """Return text as it travels."""
    return base64.b64encode(text.encode()).decode()
