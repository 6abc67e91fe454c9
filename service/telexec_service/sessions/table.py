"""All sessions of the host: made, resumed, and ended when nobody comes back for them."""

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.identifiers import SessionId
from telexec_schemas.process import EndReason
from telexec_service.config import Config
from telexec_service.core.caller import Caller
from telexec_service.core.counters import Counters, SessionEnd
from telexec_service.core.failure import RpcFailure, limit_reached
from telexec_service.core.peer import Peer
from telexec_service.observability.audit import AuditLog
from telexec_service.processes.offspring import Offspring
from telexec_service.processes.process import Process
from telexec_service.processes.spill_file import SpillDirectory
from telexec_service.sessions.session import Session


class SessionTable:
    """Owns every session, and through them every process of the host."""

    def __init__(
        self,
        config: Config,
        *,
        offspring: Offspring,
        log: Any,
        audit: AuditLog,
        counters: Counters,
        spills: SpillDirectory | None = None,
    ) -> None:
        self._config = config
        self._offspring = offspring
        self._log = log
        self._audit = audit
        self._counters = counters
        self._spills = spills
        self._loop = asyncio.get_running_loop()
        self._sessions: dict[SessionId, Session] = {}
        self._exited = asyncio.Event()
        self._leases: dict[SessionId, asyncio.TimerHandle] = {}

    @property
    def attached_count(self) -> int:
        """How many sessions have a connection."""
        return len(self._sessions) - len(self._leases)

    @property
    def detached_count(self) -> int:
        """How many sessions wait for another connection."""
        return len(self._leases)

    async def wait_until_none_runs(self) -> None:
        """Return once no process of any session runs."""
        while any(True for _ in self.running_processes):
            self._exited.clear()
            await self._exited.wait()

    @property
    def running_processes(self) -> Iterator[Process]:
        """Every process whose child has not ended."""
        for session in self._sessions.values():
            yield from session.running_processes

    def create(self, peer: Peer, caller: Caller) -> Session:
        """Make a session and attach its first connection.

        Raises:
            RpcFailure: The host has as many sessions as it may have.
        """
        limit = self._config.limits.max_sessions
        if len(self._sessions) >= limit:
            raise limit_reached(
                f"cannot make a session: the host already has {limit} (max_sessions)",
                "max_sessions",
                limit,
            )
        session_id = SessionId(str(uuid.uuid4()))
        log = self._log.bind(session_id=session_id)
        session = Session(
            session_id,
            self._config,
            offspring=self._offspring,
            log=log,
            audit=self._audit,
            counters=self._counters,
            spills=self._spills,
            exited=self._exited,
        )
        self._sessions[session_id] = session
        session.attach(peer, caller)
        self._counters.sessions_started += 1
        log.info("session.created")
        return session

    async def resume(self, session_id: SessionId, peer: Peer, caller: Caller) -> Session:
        """Attach another connection to a session.

        A connection that is still attached is asked for a sign of life first: one that was lost
        without the host noticing does not lock its client out.

        Raises:
            RpcFailure: There is no such session, or its connection is alive.
        """
        session = self._get(session_id)
        if session.peer is not None and await session.peer.is_alive():
            raise RpcFailure(
                ErrorCode.SESSION_ATTACHED,
                ErrorReason.SESSION_ATTACHED,
                f"cannot resume session {session_id}: it is attached to another connection",
                subject=session_id,
            )
        session = self._get(session_id)
        if session.peer is not None:
            # Somebody else was quicker while the old connection was being asked.
            return await self.resume(session_id, peer, caller)
        self._cancel_lease(session_id)
        session.attach(peer, caller)
        self._counters.sessions_resumed += 1
        self._log.info("session.resumed", session_id=session_id)
        return session

    def detach(self, session: Session) -> None:
        """Let a session go on without a connection for the length of the lease."""
        session.detach()
        if session.session_id not in self._sessions:
            return  # closed already: its connection is lost because the service ends
        lease_s = self._config.sessions.lease_s
        self._leases[session.session_id] = self._loop.call_later(
            lease_s, self._expire, session.session_id
        )
        self._log.info("session.detached", session_id=session.session_id, lease_s=lease_s)

    def close(self, reason: EndReason) -> None:
        """End every session, with KILL for what still runs. Idempotent."""
        for session_id in tuple(self._leases):
            self._cancel_lease(session_id)
        for session in self._sessions.values():
            session.close(reason, 0)
            self._note_end(session, SessionEnd.SHUTDOWN)
        self._sessions.clear()

    def _get(self, session_id: SessionId) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.SESSION_UNKNOWN,
                f"cannot resume session {session_id}: it is unknown, or its lease ran out",
                subject=session_id,
            )
        return session

    def _expire(self, session_id: SessionId) -> None:
        del self._leases[session_id]
        session = self._sessions.pop(session_id)
        session.close(EndReason.SESSION_EXPIRED, self._config.shutdown.kill_grace_s)
        self._note_end(session, SessionEnd.EXPIRED)

    def _note_end(self, session: Session, reason: SessionEnd) -> None:
        self._counters.sessions_ended[reason] += 1
        self._log.info(
            "session.ended",
            session_id=session.session_id,
            reason=reason,
            duration_s=round(session.age_s, 6),
        )

    def _cancel_lease(self, session_id: SessionId) -> None:
        lease = self._leases.pop(session_id, None)
        if lease is not None:
            lease.cancel()
