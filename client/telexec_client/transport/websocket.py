"""Frames as WebSocket messages (RFC 6455), over TCP, TLS or a Unix socket.

A protocol of asyncio's around websockets' sans-I/O protocol: no task and no queue per connection.
The library does the handshake, control frames and, from the first one on, messages in fragments and
what breaks the protocol. Whole messages, which are all that is frequent, do not go through it: they
are found where they were received, so that their bytes are copied once only.
"""

import asyncio
import socket
from typing import cast

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import WebSocketURI

from telexec_client.core.inbox import Inbox
from telexec_client.errors import (
    AuthenticationError,
    HandshakeError,
    HostUnreachableError,
    TelexecError,
)
from telexec_client.transport.keepalive import Keepalive
from telexec_client.transport.transport import Receiver
from telexec_client.transport.write_gate import HIGH_WATER_BYTES, WriteGate
from telexec_schemas.binary_frame import is_binary

MAX_MESSAGE_BYTES = 1024 * 1024 * 1024
"""The largest message that is read: more than any answer has, less than a memory."""

CLOSE_TIMEOUT_S = 2.0
"""How long to wait for the other side's goodbye."""

_SHOWN_CHARS = 200
"""The most that is shown of why a host refused us."""

_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
_END_OF_HEAD = b"\r\n\r\n"


class WebSocketTransport(asyncio.BufferedProtocol):
    """A `Transport` over one WebSocket connection.

    Made by a loop's `create_connection`; usable once `opened` has returned.
    """

    def __init__(
        self, uri: WebSocketURI, token: str | None, address: str, receiver: Receiver
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol = ClientProtocol(uri, max_size=MAX_MESSAGE_BYTES)
        self._token = token
        self._address = address
        self._receiver = receiver
        self._socket: asyncio.Transport | None = None
        self._gate = WriteGate()
        self._keepalive = Keepalive(self._loop, self._ping, self._dead)
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._gone = asyncio.Event()
        self._inbox = Inbox(max_message_bytes=MAX_MESSAGE_BYTES)
        self._head_tail = b""
        self._fragments: list[bytes] = []
        self._is_flush_due = False
        self._is_reading = True
        self._is_over = False

    async def opened(self) -> None:
        """Return when the host has accepted the WebSocket.

        Raises:
            HostUnreachableError: The connection broke before it could.
            AuthenticationError: It does not accept the token.
            HandshakeError: It is no WebSocket server, or refuses for another reason.
        """
        await self._opened

    # What the connection uses.

    @property
    def last_heard(self) -> float:
        """See `Transport`."""
        return self._keepalive.last_heard

    def send(self, frame: bytes) -> None:
        """See `Transport`."""
        if self._is_over:
            return
        if is_binary(frame):
            self._protocol.send_binary(frame)
        else:
            self._protocol.send_text(frame)
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    async def drain(self) -> None:
        """See `Transport`."""
        await self._gate.wait()

    def pause_reading(self) -> None:
        """See `Transport`."""
        if self._is_reading and not self._is_over and self._socket is not None:
            self._is_reading = False
            self._keepalive.pause()
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        """See `Transport`."""
        if not self._is_reading and not self._is_over and self._socket is not None:
            self._is_reading = True
            self._keepalive.resume()
            self._socket.resume_reading()

    def abort(self) -> None:
        """See `Transport`."""
        self._end()
        self._drop()

    async def close(self) -> None:
        """See `Transport`."""
        if self._socket is None:
            return
        if not self._is_over:
            self.resume_reading()
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(1000)
                self._flush()
            self._end()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._gone.wait()
        except TimeoutError:
            pass  # It does not answer; there is nothing more to say to it.
        finally:
            self._drop()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request for a WebSocket."""
        self._socket = cast("asyncio.Transport", transport)
        self._socket.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        sock = cast("socket.socket | None", transport.get_extra_info("socket"))
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = self._protocol.connect()
        headers: Headers = request.headers
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        self._protocol.send_request(request)
        self._flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where to receive."""
        del sizehint
        return self._inbox.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came, frame by frame."""
        self._keepalive.heard()
        self._inbox.filled(nbytes)
        if self._protocol.state is State.CONNECTING:
            self._take_head()
        else:
            self._take_frames()

    def eof_received(self) -> None:
        """Let the loop close the socket: half a WebSocket is of no use."""
        if not self._opened.done():
            # The end of the stream may be the end of the refusal's body.
            self._protocol.receive_eof()
            self._take_events()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._socket = None
        # Anything else is our own end's finding: that the network timed out, say.
        is_hung_up = exc is None or isinstance(exc, ConnectionError)
        self._lose(_why_lost(exc), is_hung_up=is_hung_up)
        self._gone.set()

    def pause_writing(self) -> None:
        """Make senders wait."""
        self._gate.shut()

    def resume_writing(self) -> None:
        """Let senders pass."""
        self._gate.open()

    # Inside.

    def _take_head(self) -> None:
        """Give the library the host's answer, and nothing of what follows it."""
        content = self._inbox.take_all()
        # It may have come in parts.
        seen = self._head_tail + content
        end = seen.find(_END_OF_HEAD)
        if end < 0:
            self._head_tail = seen[1 - len(_END_OF_HEAD) :]
            self._give_library(content)
            return
        end += len(_END_OF_HEAD) - len(self._head_tail)
        self._give_library(content[:end])
        rest = content[end:]
        if rest:
            self._inbox.put_back(rest)
            self._take_frames()

    def _take_frames(self) -> None:
        inbox = self._inbox
        while self._protocol.state is State.OPEN:
            frame = inbox.take()
            if frame is None:
                if inbox.is_strange:
                    break
                return
            if not frame.is_message:
                self._give_library(bytes(frame.content))
            elif not self._is_over:
                self._receiver.on_frame(frame.payload)
        self._give_library(inbox.take_all())

    def _give_library(self, content: bytes) -> None:
        self._protocol.receive_data(content)
        self._take_events()

    def _take_events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                if event.opcode in _DATA and not self._is_over:
                    self._take(event)
            elif isinstance(event, Response):
                self._answered(event)
        if self._protocol.state is not State.OPEN:
            self._flush()
            self._closing()
        elif self._protocol.writes:
            self._flush()

    def _take(self, frame: Frame) -> None:
        if frame.fin and not self._fragments:
            self._receiver.on_frame(frame.data)
            return
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            message = b"".join(self._fragments)
            self._fragments.clear()
            self._receiver.on_frame(message)

    def _answered(self, response: Response) -> None:
        if self._opened.done():
            return
        refusal = self._protocol.handshake_exc
        if refusal is None:
            self._opened.set_result(None)
        else:
            self._opened.set_exception(self._refused(response, refusal))

    def _refused(self, response: Response, refusal: Exception) -> TelexecError:
        if response.status_code in {401, 403}:
            shown = "does not accept the token" if self._token else "asks for a token"
            return AuthenticationError(
                f"cannot log in at {self._address}: the host {shown} ({response.status_code})"
            )
        if isinstance(refusal, InvalidHandshake) and response.status_code == 101:
            return HandshakeError(self._address, str(refusal))
        said = _first_line(response.body)
        return HandshakeError(
            self._address,
            f"it answered with HTTP {response.status_code}" + (f": {said}" if said else ""),
        )

    def _closing(self) -> None:
        """Go once the handshake failed, or either side has said goodbye."""
        if not self._opened.done() and self._protocol.handshake_exc is not None:
            self._opened.set_exception(
                HandshakeError(self._address, "what answers there does not speak HTTP")
            )
        if self._protocol.state is State.CONNECTING and not self._protocol.handshake_exc:
            return
        is_hung_up = self._protocol.parser_exc is None
        self._lose(self._why_closed(), is_hung_up=is_hung_up)
        if self._socket is not None:
            self._socket.close()

    def _why_closed(self) -> str:
        error = self._protocol.parser_exc
        if error is not None:
            return f"the host broke the WebSocket protocol: {error}"
        received = self._protocol.close_rcvd
        if received is None:
            return "the connection was closed"
        return f"the host closed the connection ({received.code} {received.reason})".replace(
            " )", ")"
        )

    def _ping(self) -> None:
        if self._protocol.state is State.OPEN and not self._is_over:
            self._protocol.send_ping(b"")
            self._flush()

    def _dead(self) -> None:
        self._lose("the host gave no sign of life", is_hung_up=False)
        self._drop()

    def _flush(self) -> None:
        self._is_flush_due = False
        pieces = self._protocol.data_to_send()
        if self._socket is None or self._socket.is_closing():
            return
        # Not `writelines`: that of asyncio's own loop joins the pieces as well in Python 3.11, and
        # from 3.12 on (up to 3.12.8 and 3.13.1) does not say when senders have to wait. An empty
        # piece stands for the end of the stream; closing the socket says the same.
        self._socket.write(b"".join(pieces))

    def _lose(self, why: str, *, is_hung_up: bool) -> None:
        if self._is_over:
            return
        self._end()
        if self._opened.done():
            self._receiver.on_lost(why, is_hung_up=is_hung_up)
        else:
            self._opened.set_exception(HostUnreachableError(self._address, why))

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.abort()

    def _end(self) -> None:
        self._is_over = True
        self._keepalive.stop()
        self._gate.open_for_good()
        self._fragments.clear()


def _first_line(body: bytes | bytearray) -> str:
    """Return what a refusal says, as far as a terminal can show it."""
    line = bytes(body[:_SHOWN_CHARS]).partition(b"\n")[0].decode("ascii", "replace").strip()
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in line)


def _why_lost(error: Exception | None) -> str:
    if error is None:
        return "the host closed the connection"
    return f"the connection broke: {error}"
