"""Passing a connection on to the worker that has its session.

Which session a client wants is known only after both handshakes, when the connection is one of this
worker's. What it has brought is then said again to the other worker, over a socket between the two,
as if the client had come there first; from there on bytes go both ways as they come. TLS ends here.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

MAX_HEARD_BYTES = 64 * 1024
"""What is kept of what a client says until its session is known; after more it must be ours."""

MAX_RESPONSE_BYTES = 16 * 1024
"""How long the other worker's response to the handshake may be."""

_OPENED = b"HTTP/1.1 101 "
_HEAD_END = b"\r\n\r\n"


class Relays:
    """The connections that are passed on.

    Args:
        tasks: Owns the work of each.
    """

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._relays: set[_Relay] = set()
        self._none_left = asyncio.Event()
        self._none_left.set()

    def begin(
        self, client: asyncio.Transport, heard: bytes, ours: socket.socket
    ) -> asyncio.Protocol:
        """Pass a connection on, and return what takes the client's bytes from here on.

        Args:
            client: Where the client is; nobody else may use it from here on.
            heard: What it has said, from its first byte on.
            ours: Leads to the other worker, and belongs to the relay from here on.
        """
        relay = _Relay(client)
        self._relays.add(relay)
        self._none_left.clear()
        self._tasks.create_task(self._carry(relay, ours, heard), name="relay")
        return relay.from_client

    async def wait_until_none(self) -> None:
        """Return once the last of them has ended."""
        await self._none_left.wait()

    def abort(self) -> None:
        """End them all at once."""
        for relay in self._relays:
            relay.abort()

    async def _carry(self, relay: "_Relay", ours: socket.socket, heard: bytes) -> None:
        try:
            await relay.carry(ours, heard)
        finally:
            self._relays.discard(relay)
            if not self._relays:
                self._none_left.set()


class Doorway(asyncio.Protocol):
    """Stands before a connection until it is clear whose its session is.

    Args:
        connection: What answers the client for now.
        relays: Owns it if it has to be passed on.
    """

    def __init__(self, connection: asyncio.Protocol, relays: Relays) -> None:
        self._inside = connection
        self._relays = relays
        self._transport: asyncio.Transport | None = None
        self._heard: bytearray | None = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._inside.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._heard is not None:
            if len(self._heard) + len(data) <= MAX_HEARD_BYTES:
                self._heard += data
            else:
                self._heard = None
        self._inside.data_received(data)

    def eof_received(self) -> bool | None:
        """See `asyncio.Protocol`."""
        return self._inside.eof_received()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._inside.pause_writing()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._inside.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._transport = None
        self._inside.connection_lost(exc)

    def settle(self) -> None:
        """Note that the session is here: what was said is needed no more."""
        self._heard = None

    def pass_on(self, let_go: Callable[[], None]) -> int | None:
        """Take the socket away from the connection, and have another worker answer the client.

        Args:
            let_go: Has the connection write what it has to write and forget its socket.

        Returns:
            A descriptor of the socket to give to that worker, which is the caller's; None if that
            cannot be done: the client is gone or said too much, or no descriptor is left.
        """
        if self._transport is None or self._heard is None:
            return None
        try:
            ours, theirs = socket.socketpair()
        except OSError:
            return None
        heard, self._heard = bytes(self._heard), None
        let_go()
        self._inside = self._relays.begin(self._transport, heard, ours)
        return theirs.detach()


class _Relay:
    """One connection that is passed on."""

    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client
        self._owner: asyncio.Transport | None = None
        self._is_client_gone = False
        self._ended = asyncio.Event()
        self._response: bytearray | None = bytearray()
        self.from_client = _End(self.take_from_client, self.pause_owner, self.end_of_client)
        self._from_owner = _End(self.take_from_owner, self.pause_client, self.end_of_owner)
        # Until the other end is there.
        client.pause_reading()

    async def carry(self, ours: socket.socket, heard: bytes) -> None:
        """Say what was heard, and go on until one of the two is gone."""
        try:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.connect_accepted_socket(lambda: self._from_owner, ours)
        except OSError:
            ours.close()
            self._client.abort()
            return
        self._owner = transport
        if self._is_client_gone:
            self._owner.abort()
        else:
            self._owner.write(heard)
            self._client.resume_reading()
        await self._ended.wait()

    def abort(self) -> None:
        """End both sides at once."""
        self._client.abort()
        if self._owner is not None:
            self._owner.abort()

    def take_from_client(self, data: bytes) -> None:
        if self._owner is not None:
            self._owner.write(data)

    def take_from_owner(self, data: bytes) -> None:
        if self._response is not None:
            data = self._after_response(data)
        if data:
            self._client.write(data)

    def pause_owner(self, wanted: bool) -> None:  # noqa: FBT001 - the value is the verb's object
        if self._owner is not None:
            _pause(self._owner, wanted=wanted)

    def pause_client(self, wanted: bool) -> None:  # noqa: FBT001 - the value is the verb's object
        if not self._is_client_gone:
            _pause(self._client, wanted=wanted)

    def end_of_client(self, exc: Exception | None) -> None:
        self._is_client_gone = True
        if self._owner is not None and exc is not None:
            self._owner.abort()
        elif self._owner is not None:
            self._owner.close()

    def end_of_owner(self, exc: Exception | None) -> None:
        del exc
        if self._response is None:
            self._client.close()
        else:
            self._client.abort()
        self._ended.set()

    def _after_response(self, data: bytes) -> bytes:
        """Return what follows the response to the handshake: the client has had ours."""
        response = self._response = (self._response or bytearray()) + data
        end = response.find(_HEAD_END)
        if end < 0 and len(response) <= MAX_RESPONSE_BYTES:
            return b""
        if end < 0 or not response.startswith(_OPENED):
            # It was refused there, as after its token was revoked: nobody can tell it how.
            self.abort()
            return b""
        self._response = None
        return bytes(response[end + len(_HEAD_END) :])


class _End(asyncio.Protocol):
    """What one of the two sides brings."""

    def __init__(
        self,
        take: Callable[[bytes], None],
        pause: Callable[[bool], None],
        on_lost: Callable[[Exception | None], None],
    ) -> None:
        self._take = take
        self._pause = pause
        self._on_lost = on_lost

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def pause_writing(self) -> None:
        self._pause(True)  # noqa: FBT003 - the value is the verb's object

    def resume_writing(self) -> None:
        self._pause(False)  # noqa: FBT003 - the value is the verb's object

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost(exc)


def _pause(transport: asyncio.Transport, *, wanted: bool) -> None:
    if transport.is_closing():
        return
    if wanted:
        transport.pause_reading()
    else:
        transport.resume_reading()
