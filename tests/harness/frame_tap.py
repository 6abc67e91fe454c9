"""A listener on a WebSocket: passes every frame on and remembers it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve


@dataclass
class FrameTap:
    """What passed between the clients and the server, oldest first.

    Attributes:
        url: Where clients connect to.
        from_client: The messages of all clients.
        from_server: The messages of the server.
        tokens: The `Authorization` of each client that connected.
    """

    url: str = ""
    from_client: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    from_server: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tokens: list[str | None] = field(default_factory=list["str | None"])

    def methods(self) -> list[str]:
        """Return the methods that clients called or notified, in order."""
        return [message["method"] for message in self.from_client if "method" in message]

    def params(self, method: str) -> list[dict[str, Any]]:
        """Return the params of every call of a method."""
        return [
            message["params"] for message in self.from_client if message.get("method") == method
        ]


@asynccontextmanager
async def frame_tap(target: str) -> AsyncGenerator[FrameTap]:
    """Listen in front of `target` (`ws://HOST:PORT`) until the block ends."""
    tap = FrameTap()

    async def handle(client: ServerConnection) -> None:
        assert client.request is not None
        tap.tokens.append(client.request.headers.get("Authorization"))
        authorization = client.request.headers.get("Authorization")
        headers = {"Authorization": authorization} if authorization else {}
        async with (
            connect(
                target,
                additional_headers=headers,
                compression=None,
                max_size=None,
                ping_interval=None,
                proxy=None,
            ) as server,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(_copy(client, server, tap.from_client), name="from client")
            tasks.create_task(_copy(server, client, tap.from_server), name="from server")

    async with serve(
        handle, "127.0.0.1", 0, compression=None, max_size=None, ping_interval=None
    ) as listener:
        port = next(iter(listener.sockets)).getsockname()[1]
        tap.url = f"ws://127.0.0.1:{port}"
        yield tap


async def _copy(
    source: ClientConnection | ServerConnection,
    sink: ClientConnection | ServerConnection,
    messages: list[dict[str, Any]],
) -> None:
    try:
        async for frame in source:
            messages.append(json.loads(frame))
            await sink.send(frame)
    except websockets.ConnectionClosed:
        pass  # the other side is told below
    await sink.close()
