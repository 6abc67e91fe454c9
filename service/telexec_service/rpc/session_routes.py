"""The `session/*` methods, and those that show and attach processes."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from msgspec import UNSET

from telexec_schemas import attachment as wire
from telexec_schemas import methods
from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.message import NOTHING, Nothing
from telexec_schemas.process import Survivor
from telexec_schemas.session import EndSession, SessionEnded, SessionList
from telexec_service.core.caller import Capability
from telexec_service.core.capabilities import require
from telexec_service.core.delivery import Delivery
from telexec_service.core.failure import RpcFailure
from telexec_service.core.session_lists import MAX_LISTED, OthersLists, merged
from telexec_service.rpc.route import Route, Routes, collect
from telexec_service.sessions.entries import process_entry, session_list
from telexec_service.sessions.session import Session
from telexec_service.sessions.table import SessionTable


class SessionRoutes:
    """Serves sessions, a client's own and those of others.

    Args:
        sessions: Those of this process of the service.
        ask_others: Returns those of the other workers; None: there is only this one.
    """

    def __init__(
        self, sessions: SessionTable, ask_others: Callable[[], Awaitable[OthersLists]] | None
    ) -> None:
        self._sessions = sessions
        self._ask_others = ask_others

    def routes(self) -> Routes:
        """Return the routes."""
        return collect(
            Route(methods.SESSION_END, self._end, acts_before_waiting=True),
            Route(methods.SESSION_LIST, self._list_sessions),
            Route(methods.LIST, self._list_processes),
            Route(methods.ATTACH, self._attach),
            Route(methods.DETACH, _detach),
        )

    def _end(
        self, session: Session, params: EndSession
    ) -> SessionEnded | Coroutine[Any, Any, SessionEnded]:
        ended = self._sessions.end(session, params.grace_ms / 1000)
        return SessionEnded() if ended is None else _ended(ended)

    def _list_sessions(
        self, session: Session, _params: Nothing
    ) -> SessionList | Coroutine[Any, Any, SessionList]:
        require(session.caller, Capability.ADMIN, "list the sessions of the host")
        if self._ask_others is None:
            return session_list(self._sessions)
        return self._list_all_sessions(self._ask_others)

    async def _list_all_sessions(
        self, ask_others: Callable[[], Awaitable[OthersLists]]
    ) -> SessionList:
        others = await ask_others()
        return merged(session_list(self._sessions), others)

    def _list_processes(self, session: Session, params: wire.ListProcesses) -> wire.ProcessList:
        owner = session if params.session is UNSET else self._of_another(session, params.session)
        processes = owner.processes
        listed = [process_entry(it) for it in itertools.islice(processes, MAX_LISTED)]
        return wire.ProcessList(listed, truncated=any(True for _ in processes))

    def _attach(self, session: Session, params: wire.AttachOutput) -> wire.OutputAttached:
        after_bytes = _checked_after_bytes(params)
        credit_bytes = None if params.credit_bytes is UNSET else params.credit_bytes
        handle = None if params.handle is UNSET else params.handle
        if params.session is UNSET:
            process = session.attach_output(
                params.process_id,
                params.after_seq,
                after_bytes,
                credit_bytes=credit_bytes,
                handle=handle,
            )
            return wire.OutputAttached(process_entry(process))
        if params.watch_id is UNSET:
            raise RpcFailure(
                ErrorCode.INVALID_PARAMS,
                ErrorReason.PARAMS_INVALID,
                "cannot read along without a `watchId`: what the process is to be called here",
                subject="watchId",
            )
        owner = self._of_another(session, params.session)
        process = owner.get(params.process_id)
        delivery = Delivery(process.log, credit_bytes=None, overflow="drop")
        delivery.rewind(params.after_seq, after_bytes, credit_bytes=credit_bytes)
        session.watch(owner, process, params.watch_id, delivery, handle=handle)
        return wire.OutputAttached(process_entry(process))

    def _of_another(self, session: Session, id_or_name: str) -> Session:
        require(session.caller, Capability.ADMIN, "look into the session of another client")
        return self._sessions.look_into(id_or_name)


def _detach(session: Session, params: wire.DetachOutput) -> Nothing:
    session.detach_output(params.process_id)
    return NOTHING


async def _ended(ended: "asyncio.Future[tuple[Survivor, ...]]") -> SessionEnded:
    # It goes on, also when nobody waits for it any more.
    return SessionEnded(await asyncio.shield(ended))


def _checked_after_bytes(params: wire.AttachOutput) -> int:
    if params.after_bytes is not UNSET:
        return params.after_bytes
    if params.after_seq == 0:
        return 0
    raise RpcFailure(
        ErrorCode.INVALID_PARAMS,
        ErrorReason.PARAMS_INVALID,
        "cannot attach in the middle of the output without `afterBytes`",
        subject="afterBytes",
    )
