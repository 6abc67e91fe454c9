"""One WebSocket connection: websockets' sans-I/O protocol on a socket.

The library does the handshake, the parsing and the control frames. Data frames are written here: an
unmasked header and the message's parts, in one write per turn of the loop, so that output is not
copied again.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from telexec_service.config import Config
from telexec_service.core.admission import Gate, Page, Refusal, Visit
from telexec_service.core.peer import Peer, Receiver
from telexec_service.observability.pages import Pages
from telexec_service.transport.address import peer_address
from telexec_service.transport.inbox import Inbox
from telexec_service.transport.outbox import CONGESTED_BYTES, Outbox

CLOSE_TIMEOUT_S = 5.0
"""How long a peer has to answer a close frame."""

TAKEN_OVER = 4001
"""The close code of a connection whose session another client has taken over."""

UNSENT_BYTES = 128 * 1024
"""Not more than this, and one write, waits in the kernel behind what the peer's window holds: by
itself it takes megabytes there, which whatever is said next would have to wait for (tcp(7))."""

MAX_REASON_BYTES = 123
"""The most that a close frame says of its reason (RFC 6455, 5.5)."""

_PING_BYTES = 8

_TEXT = 0x81
_BINARY = 0x82
_HEADER_16 = struct.Struct("!BBH")
_HEADER_64 = struct.Struct("!BBQ")


class WebSocketConnection(asyncio.Protocol):
    """The service's side of one connection.

    Args:
        client: Where the peer is, if it is not at the other end of the socket.
        accept: Makes the receiver of a connection that was let in.
        is_ready: Whether the service takes work.
        no_room: Returns why another connection cannot be let in; None: it can.
        pages: Makes what is not a connection.
        on_visit: Called once with what became of the connection, before it is gone.
        on_closed: Called once when the connection is gone.
    """

    def __init__(
        self,
        config: Config,
        gate: Gate,
        *,
        client: str | None,
        accept: Callable[[Peer], Receiver],
        is_ready: Callable[[], bool],
        no_room: Callable[[], str | None],
        pages: Pages,
        on_visit: Callable[["WebSocketConnection", Visit, Refusal | None], None],
        on_closed: Callable[["WebSocketConnection"], None],
    ) -> None:
        self._config = config
        self._gate = gate
        self._accept = accept
        self._is_ready = is_ready
        self._no_room = no_room
        self._pages = pages
        self._on_visit = on_visit
        self._is_visit_told = False
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._protocol = ServerProtocol(max_size=config.limits.max_frame_bytes)
        self._transport: asyncio.Transport | None = None
        self._has_own_writelines = False
        self._receiver: Receiver | None = None
        self._is_open = False
        self._is_refused = False
        self._is_end_due = False
        self._address = client
        self._credential: bytes | None = None
        self._fragments = bytearray()
        self._outbox = Outbox(self._flush)
        self._inbox = Inbox(
            self._deliver, is_full=lambda: self.is_full, on_turn=self._regulate_reading
        )
        self._written_bytes = 0
        self._is_reading_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()
        self._signs_of_life: set[asyncio.Future[bool]] = set()
        self._pings = 0
        self._unconfirmed: deque[tuple[int, Callable[[], None]]] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a handshake."""
        self._transport = cast("asyncio.Transport", transport)
        # That of asyncio's own loop joins the parts in Python 3.11, and from 3.12 on (up to 3.12.8
        # and 3.13.1) does not say when the buffer is full; an empty part it never gets rid of.
        self._has_own_writelines = not isinstance(self._loop, asyncio.SelectorEventLoop)
        endpoint = transport.get_extra_info("socket")
        self._address = self._address or peer_address(endpoint)
        if endpoint.family != socket.AF_UNIX:
            endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        self._transport.set_write_buffer_limits(
            high=min(CONGESTED_BYTES, self._config.limits.max_unsent_bytes)
        )
        self._timer = self._loop.call_later(
            self._config.limits.handshake_timeout_s, self._give_up_waiting
        )

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""
        self._heard_at = self._loop.time()
        for sign in self._signs_of_life:
            _settle(sign, alive=True)
        self._protocol.receive_data(data)
        self._note_state()
        self._inbox.begin_turn()
        self._take_events()
        self._regulate_reading()

    def eof_received(self) -> None:
        """Take the peer's end of the stream."""
        self._protocol.receive_eof()
        self._note_state()
        self._take_events()

    def pause_writing(self) -> None:
        """Note that the socket takes no more for now."""
        self._outbox.is_blocked = True

    def resume_writing(self) -> None:
        """Go on: the socket takes more."""
        self._outbox.is_blocked = False
        self._note_written()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody that the connection is gone."""
        del exc
        self._cancel_timer()
        self._transport = None
        self._is_open = False
        self._outbox.take()
        self._inbox.finish()
        self._unconfirmed.clear()
        for sign in self._signs_of_life:
            _settle(sign, alive=False)
        self._tell_visit(Visit.MALFORMED)
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.on_lost()
        self._on_closed(self)

    @property
    def address(self) -> str:
        """Where the peer is: `IP:PORT` or `unix:uid=N`."""
        return self._address or "unknown"

    @property
    def is_congested(self) -> bool:
        """Whether output should wait: for `Receiver.on_writable`, or for another connection."""
        # After the end nothing that is sent arrives: it must not count as pushed.
        return not self._is_open or self._outbox.is_congested

    @property
    def is_full(self) -> bool:
        """Whether the peer has to take what was sent before it is answered more."""
        written_bytes = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return self._outbox.is_beyond(self._config.limits.max_unsent_bytes, written_bytes)

    def send(self, *parts: bytes) -> None:
        """Queue one text message; all of one turn of the loop leave in one write."""
        if self._is_open:
            size = sum(map(len, parts))
            header = _header(_TEXT, size)
            self._outbox.add(len(header) + size, header, *parts)

    @property
    def takes_binary(self) -> bool:
        """True: a WebSocket has messages of both kinds."""
        return True

    def send_binary(self, header: bytes, data: bytes) -> None:
        """Queue one binary message; all of one turn of the loop leave in one write."""
        if self._is_open:
            head = _header(_BINARY, len(header) + len(data)) + header
            self._outbox.add(len(head) + len(data), head, data)

    def close(self, why: str) -> None:
        """End the connection after what is queued, because the peer broke the protocol."""
        self._is_refused = True
        self._close(CloseCode.PROTOCOL_ERROR, why)

    def dismiss(self, why: str) -> None:
        """End the connection after what is queued, because its session is another client's now."""
        self._is_refused = True
        self._close(TAKEN_OVER, why)

    @property
    def credential(self) -> bytes | None:
        """What stands for the token that it was let in with; None before, and if it had none."""
        return self._credential

    def revoke(self) -> None:
        """End the connection, because its token is no longer valid."""
        self._is_refused = True
        self._close(CloseCode.POLICY_VIOLATION, "the token is no longer valid")

    def go_away(self) -> None:
        """End the connection after what is queued, because the service ends."""
        if self._receiver is None:
            self.abort()
        else:
            self._close(CloseCode.GOING_AWAY, "the service is shutting down")

    def let_go(self) -> None:
        """Write what is queued and leave the socket to whoever passes the connection on."""
        self._write_control()
        self._flush()
        self._cancel_timer()
        self._transport = None
        self._note_state()
        self._receiver = None
        for sign in self._signs_of_life:
            _settle(sign, alive=False)
        self._on_closed(self)

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    async def is_alive(self) -> bool:
        """Ping the peer; False once it was silent for too long, and then the connection is gone."""
        if self._transport is None:
            return False
        sign: asyncio.Future[bool] = self._loop.create_future()
        self._signs_of_life.add(sign)
        try:
            if self._is_open:
                self._ping()
            else:
                # It said goodbye, or was told to: nobody waits for the rest of the ceremony.
                self.abort()
            async with asyncio.timeout(self._config.keepalive.probe_s):
                return await asyncio.shield(sign)
        except TimeoutError:
            self.abort()
            return await sign
        finally:
            self._signs_of_life.discard(sign)

    def confirm(self, on_confirmed: Callable[[], None]) -> None:
        """See `Peer`: what answers a ping has taken what came before it."""
        if self._is_open:
            self._ping()
            self._unconfirmed.append((self._pings, on_confirmed))

    def _note_state(self) -> None:
        """Remember whether messages can be sent: it is asked for each of them."""
        self._is_open = self._transport is not None and self._protocol.state is State.OPEN

    def _take_events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._take_handshake(event)
            elif isinstance(event, Frame):
                self._take_frame(event)
        self._write_control()
        if self._protocol.close_expected() and self._transport is not None:
            self._expect_end()

    def _take_handshake(self, request: Request) -> None:
        authorizations = request.headers.get_all("Authorization")
        # Only newer versions of the library take anything but GET.
        method = getattr(request, "method", "GET")
        refusal = self._gate.answer(
            request.path,
            method=method,
            hosts=request.headers.get_all("Host"),
            origins=request.headers.get_all("Origin"),
            authorizations=authorizations,
            is_ready=self._is_ready(),
            no_room=self._no_room(),
        )
        has_body = method != "HEAD"
        if isinstance(refusal, Page):
            self._tell_visit(Visit.PAGE)
            accept = ", ".join(request.headers.get_all("Accept"))
            self._pages.serve(
                refusal,
                accept,
                lambda content_type, content: self._reply(
                    HTTPStatus.OK, (("Content-Type", content_type),), content, has_body=has_body
                ),
            )
            return
        if refusal is not None:
            self._tell_visit(refusal.visit, refusal)
            headers = (("Content-Type", "text/plain; charset=utf-8"), *refusal.headers)
            self._reply(refusal.status, headers, refusal.text.encode(), has_body=has_body)
            return
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        # Now: a client that was passed on has sent messages already, and their answers come behind.
        self._write_control()
        self._note_state()
        if self._is_open:
            self._tell_visit(Visit.OPENED)
            self._credential = self._gate.credential(authorizations)
            self._receiver = self._accept(self)
            self._arm_keepalive()

    def _reply(
        self,
        status: HTTPStatus,
        headers: Sequence[tuple[str, str]],
        content: bytes,
        *,
        has_body: bool,
    ) -> None:
        """Answer the request with something other than a connection, and end it."""
        if self._transport is None:
            return
        response = self._protocol.reject(status, "")
        del response.headers["Content-Type"], response.headers["Content-Length"]
        for name, value in (*headers, ("Content-Length", str(len(content)))):
            response.headers[name] = value
        if has_body:
            response.body = content
        self._protocol.send_response(response)
        self._write_control()
        self._expect_end()

    def _give_up_waiting(self) -> None:
        self._tell_visit(Visit.SILENT)
        self.abort()

    def _tell_visit(self, visit: Visit, refusal: Refusal | None = None) -> None:
        if not self._is_visit_told:
            self._is_visit_told = True
            self._on_visit(self, visit, refusal)

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self._take_pong(frame.data)
        if frame.opcode in {Opcode.PING, Opcode.PONG, Opcode.CLOSE}:
            return
        if self._receiver is None or self._is_refused:
            return
        if frame.fin and not self._fragments:
            self._inbox.put(bytes(frame.data))
            return
        self._fragments += frame.data
        if frame.fin:
            message = bytes(self._fragments)
            self._fragments.clear()
            self._inbox.put(message)

    def _take_pong(self, payload: bytes | bytearray | memoryview) -> None:
        number = int.from_bytes(payload, "big")
        # Whoever owes several may answer the last one only (RFC 6455, 5.5.3).
        while self._unconfirmed and self._unconfirmed[0][0] <= number <= self._pings:
            self._unconfirmed.popleft()[1]()

    def _deliver(self, message: bytes) -> None:
        if self._receiver is not None and not self._is_refused:
            self._receiver.on_message(message)

    def _flush(self) -> None:
        if self._transport is None:
            return
        self._written_bytes += self._outbox.size_bytes
        parts = self._outbox.take()
        if parts and self._has_own_writelines:
            self._transport.writelines(parts)
        elif parts:
            self._transport.write(b"".join(parts))
        self._note_written()

    def _note_written(self) -> None:
        if self._transport is None:
            return
        self._inbox.go_on()
        self._regulate_reading()
        if self._receiver is not None and self._outbox.is_relieved():
            self._receiver.on_writable()

    def _regulate_reading(self) -> None:
        wanted = self._inbox.is_crowded or self.is_full
        if self._transport is None or wanted == self._is_reading_paused:
            return
        self._is_reading_paused = wanted
        if wanted:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _write_control(self) -> None:
        """Write what the library wants to say, behind what is queued."""
        to_send = self._protocol.data_to_send()
        if self._transport is None or not to_send:
            return
        self._flush()
        for data in to_send:
            if data:
                self._written_bytes += len(data)
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()

    def _close(self, code: int, why: str) -> None:
        if not self._is_open:
            return
        reason = why.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        self._protocol.send_close(code, reason)
        self._note_state()
        self._write_control()
        self._expect_end()

    def _expect_end(self) -> None:
        if self._transport is None:
            return
        if self._protocol.state is State.CLOSED or self._receiver is None:
            self._transport.close()
        # Once: a peer that goes on talking instead of answering the close gets no more time for it.
        if not self._is_end_due:
            self._is_end_due = True
            self._cancel_timer()
            self._timer = self._loop.call_later(CLOSE_TIMEOUT_S, self.abort)

    def _arm_keepalive(self) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_at(
            self._heard_at + self._config.keepalive.interval_s, self._check_keepalive
        )

    def _check_keepalive(self) -> None:
        silence_s = self._loop.time() - self._heard_at
        if silence_s < self._config.keepalive.interval_s:
            self._arm_keepalive()
            return
        self._ping()
        self._give_time_to_answer()

    def _give_time_to_answer(self) -> None:
        self._timer = self._loop.call_later(
            self._config.keepalive.timeout_s,
            self._end_if_silent,
            self._heard_at,
            self._taken_bytes(),
        )

    def _end_if_silent(self, heard_at: float, taken_bytes: int) -> None:
        if self._heard_at != heard_at:
            self._arm_keepalive()
        elif self._taken_bytes() != taken_bytes:
            # A slow link: the ping waits behind what the peer is still taking.
            self._give_time_to_answer()
        else:
            self.abort()

    def _taken_bytes(self) -> int:
        """Return how much the system took of what was written; it takes no more for a dead peer."""
        if self._transport is None:
            return self._written_bytes
        return self._written_bytes - self._transport.get_write_buffer_size()

    def _ping(self) -> None:
        if self._is_open:
            self._pings += 1
            self._protocol.send_ping(self._pings.to_bytes(_PING_BYTES, "big"))
            self._write_control()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _header(kind: int, size: int) -> bytes:
    """Return the header of an unfragmented, unmasked frame (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((kind, size))
    if size < 65_536:
        return _HEADER_16.pack(kind, 126, size)
    return _HEADER_64.pack(kind, 127, size)


def _settle(sign: asyncio.Future[bool], *, alive: bool) -> None:
    if not sign.done():
        sign.set_result(alive)
