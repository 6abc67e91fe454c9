"""One connection: its handshake, its requests, its session."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from msgspec import UNSET

from telexec_schemas import methods
from telexec_schemas.binary_frame import InputFrame, is_binary, parse_input
from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.frame import (
    UNKNOWN_REQUEST_ID,
    MalformedFrameError,
    Notice,
    Request,
    answer_around,
    encode_answer,
    encode_failure,
    encode_notice,
    parse_frame,
)
from telexec_schemas.identifiers import ProcessId, WriteId
from telexec_schemas.lifecycle import ExtensionGrant, Initialize, Initialized
from telexec_schemas.process import Started, WriteInput
from telexec_schemas.session import SessionTakenOver
from telexec_service.core.attachment import Attachment
from telexec_service.core.caller import Caller, fingerprint
from telexec_service.core.capabilities import capabilities_of
from telexec_service.core.failure import RpcFailure, limit_reached
from telexec_service.core.handshake import Handshake
from telexec_service.core.peer import Peer
from telexec_service.core.terms import terms_of
from telexec_service.rpc.call import MAX_SHOWN, Call
from telexec_service.rpc.host import Host
from telexec_service.rpc.route import Encoded
from telexec_service.sessions.entrance import enter
from telexec_service.sessions.session import Session


class Connection:
    """Answers one peer. Requests run concurrently; those answered at once are answered in order.

    A request that waits (a long poll, a file operation) runs as a task that ends with the
    connection; what it started on the host belongs to the session and goes on.

    Args:
        number: Tells it from the other connections of the service.
        log: A structlog logger with the connection's id bound.
    """

    def __init__(self, peer: Peer, host: Host, number: int, log: Any) -> None:
        self._peer = peer
        self._host = host
        self._number = number
        self._log = log
        self._opened_s = asyncio.get_running_loop().time()
        self._requests = 0
        self._handshake = Handshake()
        self._session: Session | None = None
        self._is_extended = False
        self._why_gone: RpcFailure | None = None
        self._waiting: set[asyncio.Task[None]] = set()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._room = asyncio.Event()
        self._is_lost = False
        limit_s = host.config.limits.handshake_timeout_s
        self._handshake_timer = asyncio.get_running_loop().call_later(
            limit_s, peer.close, f"cannot wait longer than {limit_s:g} s for `initialize`"
        )

    def on_message(self, payload: bytes) -> None:
        """Take one frame."""
        try:
            if is_binary(payload):
                self._requests += 1
                self._take_input(parse_input(payload), len(payload))
                return
            frame = parse_frame(payload)
        except MalformedFrameError as error:
            failure = RpcFailure(ErrorCode.INVALID_REQUEST, ErrorReason.MALFORMED_FRAME, str(error))
            self._fail(Call(UNKNOWN_REQUEST_ID, None, len(payload)), failure)
            return
        if isinstance(frame, Request):
            self._requests += 1
            call = Call.of(frame, len(payload))
            self._answer_by(call, lambda: self._serve(frame, call))
        elif isinstance(frame, Notice):
            self._take_notice(frame)
        else:
            self._peer.close("cannot accept an answer: this side asked nothing")

    def on_writable(self) -> None:
        """Go on answering and pushing output."""
        self._room.set()
        if self._session is not None:
            self._session.push()

    def on_lost(self) -> None:
        """Give up what waits, and let the session go on without this connection."""
        self.withdraw()
        if self._session is not None:
            self._host.sessions.detach(self._session)
            self._session = None
        self._log.info(
            "connection.closed",
            address=self._peer.address,
            duration_s=round(asyncio.get_running_loop().time() - self._opened_s, 6),
            requests=self._requests,
        )

    @property
    def has_session(self) -> bool:
        """Whether the handshake gave it its session."""
        return self._session is not None

    def withdraw(self) -> None:
        """Give up what waits and say nothing any more: the peer is gone, or somebody else's."""
        self._is_lost = True
        self._handshake_timer.cancel()
        for task in self._waiting:
            task.cancel()

    def _take_notice(self, notice: Notice) -> None:
        if notice.method == methods.INITIALIZED.name:
            if self._session is None or not self._handshake.accept_initialized():
                self._peer.close("cannot accept `initialized` before `initialize`")
            else:
                self._session.start_pushing()
        elif notice.method == methods.CREDIT.name and self._session is not None:
            try:
                credit = methods.CREDIT.decode_params(notice.params)
            except msgspec.DecodeError as error:
                self._peer.close(f"cannot read `{notice.method}`: {error}")
            else:
                self._session.grant(credit)
        else:
            self._peer.close("cannot accept this notification")

    def _take_input(self, frame: InputFrame, size: int) -> None:
        call = Call(frame.request_id, methods.WRITE.name, size)
        call.is_frequent = True
        self._answer_by(call, lambda: self._write(frame, call))

    def _write(self, frame: InputFrame, call: Call) -> Any:
        self._handshake.check_request()
        self._check_room()
        session = self._own_session()
        call.process_id = session.process_of(frame.handle)
        # Another client that took the session over counts its requests from the beginning again.
        write_id = WriteId(f"#{session.generation}.{frame.request_id}")
        params = WriteInput(ProcessId(call.process_id or ""), frame.data, write_id)
        return self._host.routes[methods.WRITE.name].serve(session, params)

    def _answer_by(self, call: Call, serve: Callable[[], Any]) -> None:
        try:
            outcome = serve()
            if not inspect.iscoroutine(outcome):
                self._answer(call, outcome)
                return
            try:
                self._check_room()
            except RpcFailure:
                outcome.close()
                raise
        except RpcFailure as failure:
            self._fail(call, failure)
        except Exception:  # noqa: BLE001 - the root of a request: logged, and answered
            self._crash(call)
        else:
            task = self._host.tasks.create_task(
                self._answer_later(call, outcome), name=f"answer {call.method}"
            )
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    def _serve(self, request: Request, call: Call) -> Any:
        if request.method == methods.INITIALIZE.name:
            return self._initialize(_decode(methods.INITIALIZE, request))
        route = self._host.routes.get(request.method)
        if route is None:
            raise RpcFailure(
                ErrorCode.METHOD_NOT_FOUND,
                ErrorReason.METHOD_UNKNOWN,
                f"cannot serve `{request.method}`: this service has no such method",
                subject=request.method,
            )
        call.is_frequent = route.is_frequent
        if route.at_once is not None:
            call.turns = self._turns.setdefault(request.method, asyncio.Semaphore(route.at_once))
        params = _decode(route.method, request)
        call.process_id = getattr(params, "process_id", None)
        self._handshake.check_request()
        if route.acts_before_waiting:
            self._check_room()
        return route.serve(self._own_session(), params)

    def _check_room(self) -> None:
        limit = self._host.config.limits.max_requests_in_flight
        if len(self._waiting) >= limit:
            raise limit_reached(
                f"cannot take the request: {limit} are in flight (max_requests_in_flight)",
                "max_requests_in_flight",
                limit,
            )

    def _own_session(self) -> Session:
        if self._why_gone is not None:
            raise self._why_gone
        if self._session is None:
            raise RuntimeError("a request was let in before its connection had a session")
        if self._session.is_over:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.SESSION_ENDED,
                "cannot do anything in the session: it has ended",
            )
        return self._session

    def _initialize(self, params: Initialize) -> Any:
        self._handshake.begin()
        attachment = Attachment(
            self._peer,
            self._caller(params),
            terms_of(params, self._host.config.sessions),
            self._on_taken_over,
        )
        try:
            session = enter(self._host.sessions, params, attachment)
        except RpcFailure:
            self._handshake.give_up()
            raise
        if isinstance(session, Session):
            return self._adopt(session, params)
        return self._adopt_later(session, params)

    async def _adopt_later(
        self, entering: Coroutine[Any, Any, Session], params: Initialize
    ) -> Initialized:
        try:
            session = await entering
        except RpcFailure:
            self._handshake.give_up()
            raise
        return self._adopt(session, params)

    def _on_taken_over(self, by: Caller) -> None:
        if self._session is None:
            return
        self._why_gone = RpcFailure(
            ErrorCode.INVALID_REQUEST,
            ErrorReason.SESSION_TAKEN_OVER,
            "cannot do anything in the session: another client has taken it over",
        )
        self._session = None
        if self._is_extended:
            told = SessionTakenOver(by.client, by.address)
            self._peer.send(encode_notice(methods.SESSION_TAKEN_OVER.name, told))
        self._peer.dismiss(f"the session was taken over by {by.client!r} at {by.address}")

    def _adopt(self, session: Session, params: Initialize) -> Initialized:
        self._session = session
        self._is_extended = params.telexec is not UNSET
        self._handshake_timer.cancel()
        self._handshake.succeed()
        self._log = self._log.bind(session_id=session.session_id)
        caller = self._caller(params)
        self._log.info(
            "connection.initialized",
            address=caller.address,
            client=caller.client,
            token=caller.token,
        )
        return Initialized(
            session_id=session.session_id,
            environment_info=self._host.environment_info,
            telexec=self._extensions(session) if self._is_extended else UNSET,
        )

    def _extensions(self, session: Session) -> ExtensionGrant:
        grant = self._host.extensions
        return msgspec.structs.replace(
            grant,
            binary_frames=self._peer.takes_binary,
            limits=msgspec.structs.replace(grant.limits, lease_ms=int(session.lease_s * 1000)),
            instance=self._host.sessions.instance,
            generation=session.generation,
            session_name=session.name or UNSET,
        )

    def _caller(self, params: Initialize) -> Caller:
        credential = self._peer.credential
        return Caller(
            self._number,
            self._peer.address,
            None if credential is None else fingerprint(credential),
            params.client_name[:MAX_SHOWN],
            capabilities_of(credential),
        )

    async def _answer_later(self, call: Call, outcome: Any) -> None:
        try:
            self._answer(call, await self._in_turn(call, outcome))
        except RpcFailure as failure:
            self._fail(call, failure)
        except asyncio.CancelledError:
            call.complete(self._log, self._host.counters, "cancelled", bytes_out=0)
            raise
        except Exception:  # noqa: BLE001 - the root of a request: logged, and answered
            self._crash(call)

    async def _in_turn(self, call: Call, outcome: Any) -> Any:
        if call.turns is None:
            return await outcome
        try:
            async with call.turns:
                while self._peer.is_full:
                    self._room.clear()
                    await self._room.wait()
                return await outcome
        finally:
            outcome.close()

    def _answer(self, call: Call, result: Any) -> None:
        if isinstance(result, Encoded):
            before, after = answer_around(call.id)
            parts = (before, *result.parts, after)
        else:
            parts = (encode_answer(call.id, result),)
        self._send(*parts)
        pid = result.pid if isinstance(result, Started) and result.pid is not UNSET else None
        bytes_out = sum(map(len, parts))
        call.complete(self._log, self._host.counters, "ok", bytes_out=bytes_out, pid=pid)

    def _fail(self, call: Call, failure: RpcFailure) -> None:
        frame = encode_failure(call.id, failure.to_wire())
        self._send(frame)
        call.complete(
            self._log, self._host.counters, "error", bytes_out=len(frame), failure=failure
        )

    def _crash(self, call: Call) -> None:
        self._log.exception("rpc.crashed", method=call.method)
        failure = RpcFailure(
            ErrorCode.INTERNAL,
            ErrorReason.INTERNAL,
            f"cannot serve `{call.method}`: the service has a defect; its log has the details",
        )
        self._fail(call, failure)

    def _send(self, *parts: bytes) -> None:
        if not self._is_lost:
            self._peer.send(*parts)


def _decode(method: Any, request: Request) -> Any:
    try:
        return method.decode_params(request.params)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RpcFailure(
            ErrorCode.INVALID_PARAMS,
            ErrorReason.PARAMS_INVALID,
            f"cannot use the params of `{request.method}`: {error}",
            subject=request.method,
        ) from error
