"""A session on a host, whichever transport carries it at the moment."""

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from msgspec import UNSET

from telexec_client.connection.calls import Call, CallTable
from telexec_client.connection.listener import ProcessListener
from telexec_client.connection.read_gate import ReadGate
from telexec_client.core.assembler import PushedEvent
from telexec_client.core.backoff import VACANT_FOR_S, delays_s, resume_deadline
from telexec_client.core.failure import loss, opening_error, remote_error, says_attached
from telexec_client.core.session_wish import SessionWish
from telexec_client.core.vacancy import Vacancy
from telexec_client.errors import (
    AccessRevokedError,
    AuthenticationError,
    CertificateError,
    ClientClosedError,
    ConnectionLostError,
    HandshakeError,
    HostUnreachableError,
    ProcessNotFoundError,
    ProtocolViolationError,
    RemoteError,
    RequestTooLargeError,
    SessionLostError,
    SessionTakenOverError,
    TelexecError,
    UnsupportedError,
)
from telexec_client.transport import Dialer, Transport
from telexec_schemas.binary_frame import (
    MAX_HANDLE,
    OutputFrame,
    input_frame,
    is_binary,
    parse_output,
)
from telexec_schemas.frame import (
    UNKNOWN_REQUEST_ID,
    Answer,
    Failure,
    MalformedFrameError,
    Notice,
    encode_notice,
    encode_request,
    parse_frame,
)
from telexec_schemas.identifiers import ProcessId, SessionId
from telexec_schemas.lifecycle import (
    EnvironmentInfo,
    ExtensionGrant,
    Initialize,
    Initialized,
)
from telexec_schemas.message import NOTHING
from telexec_schemas.method import Method, Notification
from telexec_schemas.methods import (
    CLOSED,
    DETACHED,
    EXITED,
    GAP,
    INITIALIZE,
    INITIALIZED,
    OUTPUT,
    SESSION_END,
    SESSION_TAKEN_OVER,
    WRITE,
)
from telexec_schemas.output_notice import parse_output_notice
from telexec_schemas.process import InputStatus, OutputPushed
from telexec_schemas.session import EndSession

PLAIN_LEASE_S = 30.0
"""How long a host without extensions keeps a session that has no connection."""

ATTEMPT_TIMEOUT_S = 5.0
"""How long one attempt to resume may take."""

FAREWELL_TIMEOUT_S = 5.0
"""How long the host may take to end what still runs when we leave."""

CONCURRENT_CATCH_UPS = 8
"""How many processes are read at once after a resume; each answer may be as large as a log."""

Params = TypeVar("Params")
Result = TypeVar("Result")

_logger = logging.getLogger("telexec_client")


class Connection:
    """A session: makes calls, hands out events, and comes back when its transport breaks.

    `open`, then `run` in a task of its own for as long as it lives; `end` stops it.

    Args:
        reconnect: Whether to resume the session on another transport when one breaks.
        wish: What is asked of the session.
    """

    def __init__(
        self,
        dialer: Dialer,
        *,
        client_name: str,
        reconnect: bool,
        wish: SessionWish,
    ) -> None:
        self._dialer = dialer
        self._client_name = client_name
        self._wish = wish
        self._can_resume = reconnect and dialer.can_redial
        self._gate = ReadGate()
        self._calls = CallTable(self._gate.count_waiting)
        self._listeners: dict[ProcessId, ProcessListener] = {}
        self._process_ids: dict[int, ProcessId] = {}
        self._handles: dict[ProcessId, int] = {}
        self._last_handle = 0
        self._catching_up: set[ProcessListener] = set()
        self._slots = asyncio.Semaphore(CONCURRENT_CATCH_UPS)
        self._tasks: asyncio.TaskGroup | None = None
        self._transport: Transport | None = None
        self._last_heard = 0.0
        self._why_lost = ""
        self._is_hung_up = False
        # Whether anything came since the session was attached: a connection that brings nothing is
        # no reason to try the next one at once.
        self._has_heard = False
        self._delays_s = delays_s(random.random)
        self._lost = asyncio.Event()
        self._ready = asyncio.Event()
        self._away = asyncio.Event()
        self._ended: Callable[[], TelexecError] | None = None
        self._established: Initialized | None = None
        self._resumes = 0

    # What is known of the host.

    @property
    def address(self) -> str:
        """The host, for people to read."""
        return self._dialer.address

    @property
    def host(self) -> EnvironmentInfo:
        """What the host says of itself."""
        return self._session.environment_info

    @property
    def extensions(self) -> ExtensionGrant | None:
        """What the host offers beyond the base dialect; `None`: nothing."""
        return self._session.telexec or None  # UNSET is false

    @property
    def session_id(self) -> SessionId:
        """What the session is resumed by."""
        return self._session.session_id

    @property
    def resumes(self) -> int:
        """How often the session was resumed so far."""
        return self._resumes

    @property
    def is_ready(self) -> bool:
        """Whether there is a transport right now."""
        return self._ready.is_set() and self._ended is None

    async def until_away(self) -> None:
        """Wait until there is no transport; returns at once where there is none."""
        await self._away.wait()

    async def until_ready(self) -> None:
        """Wait until there is a transport; returns at once where there is one.

        Raises:
            SessionLostError: There will be none any more.
            ClientClosedError: We ended it ourselves.
        """
        await self._ready.wait()
        if self._ended is not None:
            raise self._ended()

    @property
    def read_gate(self) -> ReadGate:
        """What holds back a host that knows no credit."""
        return self._gate

    # Calls.

    async def call(
        self, method: Method[Params, Result], params: Params, *, repeat: bool = True
    ) -> Result:
        """Make a call and wait for its result; see `begin` and `Call.result`."""
        call = await self.begin(method, params, repeat=repeat)
        return await call.result()

    async def begin(
        self, method: Method[Params, Result], params: Params, *, repeat: bool = True
    ) -> Call[Result]:
        """Send a request, as soon as there is a connection that takes it.

        Calls of one task leave in order.

        Args:
            method: What to call.
            params: What to send.
            repeat: Send it again when the connection is lost, if the method allows it. A call that
                is not sent again fails.

        Raises:
            RequestTooLargeError: The host would not read it.
            SessionLostError: There will be no connection any more.
            ClientClosedError: We ended it ourselves.
            UnicodeEncodeError: A string of the params holds a lone surrogate.
        """
        request_id = self._calls.next_id()
        frame = encode_request(request_id, method.name, params)
        return await self._send(request_id, method, frame, is_repeated=repeat and method.repeatable)

    async def begin_write(self, handle: int, data: bytes) -> Call[InputStatus]:
        """Write to a process by a binary frame, on a host that takes them; see `begin`."""
        request_id = self._calls.next_id()
        frame = input_frame(handle, request_id, data)
        return await self._send(request_id, WRITE, frame, is_repeated=True)

    def post(self, method: Method[Params, Result], params: Params) -> Call[Result]:
        """Send a repeatable request now, or as soon as there is a connection, without waiting.

        For the few messages that must not wait; `begin` is what keeps the amount in hand. Nobody
        has to wait for the `result`.
        """
        request_id = self._calls.next_id()
        frame = encode_request(request_id, method.name, params)
        call = self._calls.add(request_id, method, frame, is_repeated=True)
        if self._ended is not None:
            self._calls.remove(call)
            call.fail(self._ended())
        elif self._ready.is_set() and self._transport is not None:
            self._transport.send(frame)
        return call

    def notify(self, notification: Notification[Params], params: Params) -> None:
        """Send a notification if there is a connection; it is lost with it otherwise."""
        if self._ready.is_set() and self._transport is not None:
            self._transport.send(encode_notice(notification.name, params))

    # Processes.

    def add_listener(self, process_id: ProcessId, listener: ProcessListener) -> int:
        """Give the events of a process to `listener`, until `remove_listener`.

        Returns:
            The number for binary frames of this process.
        """
        self._listeners[process_id] = listener
        self._last_handle = handle = (self._last_handle + 1) % (MAX_HANDLE + 1)
        self._process_ids[handle] = process_id
        self._handles[process_id] = handle
        return handle

    def is_followed(self, process_id: ProcessId) -> bool:
        """Whether somebody listens to a process."""
        return process_id in self._listeners

    def remove_listener(self, process_id: ProcessId) -> None:
        """Drop the events of a process from now on. Idempotent."""
        self._listeners.pop(process_id, None)
        handle = self._handles.pop(process_id, None)
        if handle is not None:
            del self._process_ids[handle]

    def start_catching_up(self, listener: ProcessListener) -> None:
        """Run `listener.catch_up`, unless it runs already."""
        if self._tasks is not None and listener not in self._catching_up:
            self._catching_up.add(listener)
            self._tasks.create_task(self._catch_up(listener), name="telexec catch-up")

    # Life.

    async def open(self) -> None:
        """Connect and open a new session, or the one that is wished for.

        Raises:
            HostUnreachableError, AuthenticationError, HandshakeError: See there.
            UnsupportedError: The host does not offer what is wished for.
        """
        try:
            self._established = await self._attach(None)
        except ConnectionLostError as error:
            raise HandshakeError(self.address, self._why_lost) from error
        except RemoteError as error:
            raise opening_error(error, self.address) from error
        except ProtocolViolationError as error:
            raise HandshakeError(self.address, _because(error)) from error
        missing = self._wish.missing(self.extensions)
        if missing is not None:
            await self.close()
            raise UnsupportedError(missing)
        self._last_heard = asyncio.get_running_loop().time()
        if self._has_credit:
            # Each process has its own credit; the connection as a whole is never held back.
            self._gate.attach(None)

    async def run(self) -> None:
        """Own everything that goes on in the background; returns when the session has ended."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                try:
                    while self._ended is None:
                        await self._lost.wait()
                        if self._ended is None:
                            await self._resume()
                finally:
                    self._tasks = None
        finally:
            self.end(ClientClosedError)
            if self._transport is not None:
                self._transport.abort()

    async def close(self) -> None:
        """End the session and what still runs in it, and say goodbye; `run` returns soon after.

        Without a connection it waits up to `FAREWELL_TIMEOUT_S` for the next one, if anything still
        runs. Idempotent.
        """
        is_running = any(listener.is_running for listener in self._listeners.values())
        if self._ended is None and (is_running or self._ready.is_set()):
            await self._end_session(is_running=is_running)
        await self.leave()

    async def leave(self) -> None:
        """Say goodbye and leave the session to the host; `run` returns soon after. Idempotent."""
        transport, self._transport = self._transport, None
        self.end(ClientClosedError)
        if transport is not None:
            await transport.close()

    def end(self, error: Callable[[], TelexecError]) -> None:
        """End the session: whoever waits gets an error of `error`. Only the first end counts."""
        if self._ended is not None:
            return
        self._ended = error
        self._calls.fail_all(error)
        for listener in list(self._listeners.values()):
            listener.on_ended(error)
        self._listeners.clear()
        self._process_ids.clear()
        self._handles.clear()
        self._ready.set()
        self._away.set()
        self._lost.set()

    # What the transport calls.

    def on_frame(self, payload: bytes | bytearray | memoryview) -> None:
        """Take what the host sent."""
        self._has_heard = True
        try:
            if is_binary(payload):
                self._take_output(parse_output(payload))
                return
            output = parse_output_notice(payload)
            if output is not None:
                self._take_event(output)
                return
            frame = parse_frame(payload)
            if isinstance(frame, Notice):
                self._take_notice(frame)
            elif isinstance(frame, Answer):
                call = self._calls.take(frame.id)
                if call is not None:
                    # It is decoded later, and what it is a view of is not its own.
                    call.succeed(frame.result.copy())
            elif isinstance(frame, Failure):
                self._take_failure(frame)
            # A request is for nobody: we offer no methods.
        except (MalformedFrameError, ValueError) as error:
            # Whoever sends this may mean anything by what comes next. On another connection the
            # session may be in order.
            self._break(f"the host sent what we do not understand: {error}")

    def on_lost(self, why: str, *, is_hung_up: bool) -> None:
        """Learn that the transport is gone."""
        if self._transport is not None and self._ready.is_set():
            self._last_heard = self._transport.last_heard
        self._transport = None
        self._gate.attach(None)
        self._why_lost = why
        self._is_hung_up = is_hung_up
        _logger.debug("connection lost: %s", why)
        if self._ended is not None:
            return
        self._ready.clear()
        self._away.set()
        self._lost.set()
        if self._established is not None and not self._can_resume:
            self.end(partial(SessionLostError, why))
            return
        if self._established is not None and self.lease_s <= 0:
            self.end(partial(SessionLostError, f"it ends with its connection, as asked: {why}"))
            return
        self._calls.fail_unrepeated(why)

    # Inside.

    @property
    def _session(self) -> Initialized:
        if self._established is None:
            raise RuntimeError("cannot ask for the host before the connection is open")
        return self._established

    @property
    def lease_s(self) -> float:
        """How long the host keeps the session without a connection, as far as is known."""
        extensions = self.extensions
        return PLAIN_LEASE_S if extensions is None else extensions.limits.lease_ms / 1000

    async def _end_session(self, *, is_running: bool) -> None:
        extensions = self.extensions
        # A host that is ours alone ends with us.
        if extensions is None or not extensions.on_disconnect or not self._dialer.can_redial:
            await self._end_processes()
            return
        try:
            async with asyncio.timeout(FAREWELL_TIMEOUT_S):
                # Where it is lost it is said again: a session that was ended has none to resume.
                call = await self.begin(SESSION_END, EndSession())
                if is_running:
                    await call.result()
                else:
                    call.abandon()
        except (TelexecError, TimeoutError) as error:
            # The host ends it anyway, when its lease is over.
            _logger.debug("cannot see to the end of the session: %s", error)

    async def _end_processes(self) -> None:
        calls = [listener.on_closing() for listener in self._listeners.values()]
        try:
            async with asyncio.timeout(FAREWELL_TIMEOUT_S):
                for call in calls:
                    if call is not None:
                        await call.result()
        except (TelexecError, TimeoutError) as error:
            # The host ends them anyway, when the lease of the session is over.
            _logger.debug("cannot see to the end of all processes: %s", error)
        finally:
            for call in calls:
                if call is not None:
                    call.abandon()

    def _check_size(self, method: str, size_bytes: int) -> None:
        extensions = self._established.telexec if self._established is not None else UNSET
        if isinstance(extensions, ExtensionGrant):
            limit_bytes = extensions.limits.max_frame_bytes
            if size_bytes > limit_bytes:
                raise RequestTooLargeError(method, size_bytes, limit_bytes)

    async def _send(
        self, request_id: int, method: Method[Any, Result], frame: bytes, *, is_repeated: bool
    ) -> Call[Result]:
        self._check_size(method.name, len(frame))
        transport = await self._take_transport()
        call = self._calls.add(request_id, method, frame, is_repeated=is_repeated)
        transport.send(frame)
        return call

    async def _take_transport(self) -> Transport:
        while True:
            # The wait ends: with a resume, or with the lease.
            await self._ready.wait()
            if self._ended is not None:
                raise self._ended()
            transport = self._transport
            if transport is not None:
                await transport.drain()
                if transport is self._transport:
                    return transport

    async def _attach(self, resume: SessionId | None) -> Initialized:
        """Open a transport and hand the session to it; nothing is left of it on an error."""
        self._lost.clear()
        transport = await self._dialer.dial(self)
        if self._lost.is_set():
            raise ConnectionLostError(f"cannot open a session: {self._why_lost}")
        self._transport = transport
        try:
            request_id = self._calls.next_id()
            wish = self._wish.opening() if resume is None else self._wish.resuming(self.extensions)
            params = Initialize(self._client_name, resume, wish)
            frame = encode_request(request_id, INITIALIZE.name, params)
            call = self._calls.add(request_id, INITIALIZE, frame, is_repeated=False)
            transport.send(frame)
            established = await call.result()
        except BaseException:
            transport.abort()
            self._transport = None
            raise
        if self._transport is not transport:
            raise ConnectionLostError(f"cannot open a session: {self._why_lost}")
        transport.send(encode_notice(INITIALIZED.name, NOTHING))
        self._transport_is_ready(transport)
        return established

    def _transport_is_ready(self, transport: Transport) -> None:
        # In order, and before anybody else may send: writes to one process keep theirs.
        for call in self._calls.repeated():
            transport.send(call.frame)
        self._gate.attach(None if self._has_credit else transport)
        self._has_heard = False
        self._away.clear()
        self._ready.set()

    @property
    def _has_credit(self) -> bool:
        extensions = self._established.telexec if self._established is not None else UNSET
        return isinstance(extensions, ExtensionGrant) and extensions.flow

    async def _resume(self) -> None:
        """Attach the session to another transport, or end it."""
        loop = asyncio.get_running_loop()
        deadline = resume_deadline(self._last_heard, self.lease_s)
        last_deadline = deadline + self.lease_s
        vacancy = Vacancy(is_hung_up=self._is_hung_up, now=loop.time())
        why_not = self._why_lost
        if self._has_heard:
            self._delays_s = delays_s(random.random)
        for delay_s in self._delays_s:
            if delay_s > 0 and loop.time() + delay_s >= deadline:
                break
            await asyncio.sleep(delay_s)
            attempt_deadline = max(min(loop.time() + ATTEMPT_TIMEOUT_S, deadline), loop.time() + 1)
            try:
                async with asyncio.timeout_at(attempt_deadline):
                    await self._attach(self.session_id)
            except AuthenticationError as error:
                self.end(partial(AccessRevokedError, _because(error)))
                return
            except RemoteError as error:
                if says_attached(error):
                    # The lease begins when the host notices that it lost us.
                    deadline = min(loop.time() + self.lease_s, last_deadline)
                    continue
                self.end(partial(loss, error))
                return
            except (TelexecError, TimeoutError) as error:
                if self._ended is not None:
                    return
                _logger.debug("cannot resume yet: %s", error)
                if not isinstance(error, HostUnreachableError | TimeoutError):
                    vacancy.answered()
                if vacancy.is_proven(loop.time()):
                    why = f"the host hung up, and nobody has answered since for {VACANT_FOR_S:g} s"
                    self.end(partial(SessionLostError, why))
                    return
                if isinstance(error, CertificateError):
                    why_not = str(error)
                continue
            self._resumed()
            return
        why = f"it could not be resumed within its lease of {self.lease_s:g} s ({why_not})"
        self.end(partial(SessionLostError, why))

    def _resumed(self) -> None:
        self._resumes += 1
        _logger.debug("session resumed")
        for listener in list(self._listeners.values()):
            listener.on_resumed()

    async def _catch_up(self, listener: ProcessListener) -> None:
        try:
            async with self._slots:
                await listener.catch_up()
        finally:
            self._catching_up.discard(listener)

    def _take_notice(self, notice: Notice) -> None:
        event: PushedEvent
        if notice.method == OUTPUT.name:
            event = OUTPUT.decode_params(notice.params)
        elif notice.method == EXITED.name:
            event = EXITED.decode_params(notice.params)
        elif notice.method == CLOSED.name:
            event = CLOSED.decode_params(notice.params)
        elif notice.method == GAP.name:
            event = GAP.decode_params(notice.params)
        else:
            self._take_news(notice)
            return
        self._take_event(event)

    def _take_event(self, event: PushedEvent) -> None:
        listener = self._listeners.get(event.process_id)
        # Nobody listens to a process that was left behind.
        if listener is not None:
            listener.on_event(event)

    def _take_news(self, notice: Notice) -> None:
        if notice.method == SESSION_TAKEN_OVER.name:
            told = SESSION_TAKEN_OVER.decode_params(notice.params)
            why = f"{told.client!r} at {told.address} has taken it over"
            self.end(partial(SessionTakenOverError, why))
        elif notice.method == DETACHED.name:
            process_id = DETACHED.decode_params(notice.params).process_id
            listener = self._listeners.get(process_id)
            if listener is not None:
                listener.on_ended(partial(ProcessNotFoundError, process_id))
        # A newer host may tell more than we know of.

    def _take_output(self, frame: OutputFrame) -> None:
        process_id = self._process_ids.get(frame.handle)
        if process_id is not None:
            event = OutputPushed(process_id, frame.seq, frame.stream, frame.data)
            self._listeners[process_id].on_event(event)

    def _take_failure(self, failure: Failure) -> None:
        if failure.id == UNKNOWN_REQUEST_ID:
            # The host could not read one of our frames and cannot say which: nobody would ever
            # answer it.
            text = failure.error.message
            self._calls.fail_all(
                lambda: ProtocolViolationError(f"cannot make the host understand us: {text}")
            )
            return
        call = self._calls.take(failure.id)
        if call is not None:
            call.fail(remote_error(call.method.name, failure.error))

    def _break(self, why: str) -> None:
        transport = self._transport
        if transport is not None:
            transport.abort()
            self.on_lost(why, is_hung_up=False)


def _because(error: TelexecError) -> str:
    return error.text if isinstance(error, RemoteError) else str(error)
