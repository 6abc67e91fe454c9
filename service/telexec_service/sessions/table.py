"""All sessions of the host: made, resumed, and ended when nobody comes back for them."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.identifiers import SessionId
from telexec_schemas.process import EndReason, Survivor
from telexec_service.config import Config
from telexec_service.core.attachment import Attachment
from telexec_service.core.counters import Counters, SessionEnd
from telexec_service.core.failure import RpcFailure, limit_reached
from telexec_service.core.session_ids import RANDOM_BYTES, new_session_id, slot_to_look
from telexec_service.core.tally import Tally
from telexec_service.observability.audit import AuditLog
from telexec_service.processes.offspring import Offspring
from telexec_service.processes.process import Process
from telexec_service.processes.spill_file import SpillDirectory
from telexec_service.sessions.heap import Heap
from telexec_service.sessions.relief import Relief
from telexec_service.sessions.session import Session


class SessionTable:
    """Owns every session, and through them every process of the host.

    Args:
        tally: Knows of the sessions of all workers.
        slot: Which worker this is; None: there is only one.

    Attributes:
        instance: Tells this run of the service from every other one.
    """

    def __init__(
        self,
        config: Config,
        *,
        offspring: Offspring,
        log: Any,
        audit: AuditLog,
        counters: Counters,
        tally: Tally,
        slot: int | None,
        spills: SpillDirectory | None = None,
    ) -> None:
        self._tally = tally
        self._slot = slot
        self._config = config
        self._offspring = offspring
        self._log = log
        self._audit = audit
        self._counters = counters
        self._spills = spills
        self._heap = Heap()
        self._relief = Relief(
            config.limits.host_retained_bytes // config.service.workers,
            counters,
            log,
            self._processes_by_need,
        )
        self._loop = asyncio.get_running_loop()
        self.instance = os.urandom(RANDOM_BYTES).hex()
        self._sessions: dict[SessionId, Session] = {}
        self._names: dict[str, SessionId] = {}
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

    @property
    def newest_first(self) -> Iterator[Session]:
        """Every session."""
        return reversed(self._sessions.values())

    def create(self, attachment: Attachment) -> Session:
        """Make a session and attach its first connection.

        Raises:
            RpcFailure: The host has as many sessions as it may have, or one of the name.
        """
        limit = self._config.limits.max_sessions
        if self._tally.sessions >= limit:
            raise limit_reached(
                f"cannot make a session: the host already has {limit} (max_sessions)",
                "max_sessions",
                limit,
            )
        name = attachment.terms.name
        if name in self._names:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.SESSION_NAME_TAKEN,
                f"cannot make a session {name!r}: there is one; take it up, or use another name",
                subject=name,
            )
        new_id = new_session_id(os.urandom(RANDOM_BYTES), self._slot)
        log = self._log.bind(session_id=new_id)
        session = Session(
            new_id,
            self._config,
            name=name,
            offspring=self._offspring,
            log=log,
            audit=self._audit,
            counters=self._counters,
            spills=self._spills,
            memory=self._relief.memory,
            exited=self._exited,
        )
        self._sessions[new_id] = session
        if name is not None:
            self._names[name] = new_id
        self._tally.note_sessions(len(self._sessions))
        session.attach(attachment)
        self._counters.sessions_started += 1
        log.info("session.created")
        return session

    def find(self, id_or_name: str) -> Session:
        """Return a session by its id, or else by its name.

        Raises:
            RpcFailure: There is none.
        """
        session_id = SessionId(id_or_name)
        if session_id not in self._sessions:
            session_id = self._names.get(id_or_name, session_id)
        return self._get(session_id)

    def look_into(self, id_or_name: str) -> Session:
        """Return a session by its id, or else by its name, for somebody who has another one.

        Raises:
            RpcFailure: There is none, or none here: another worker may have it.
        """
        workers = self._config.service.workers
        is_here = id_or_name in self._names or SessionId(id_or_name) in self._sessions
        owner = None if self._slot is None else slot_to_look(id_or_name, workers)
        if is_here or owner in {None, self._slot}:
            return self.find(id_or_name)
        raise RpcFailure(
            ErrorCode.INVALID_REQUEST,
            ErrorReason.SESSION_ELSEWHERE,
            f"cannot look into session {id_or_name} from here: if the host has it, it is at another"
            " worker, and a session that is opened with `beside` can",
            subject=id_or_name,
        )

    async def resume(self, session_id: SessionId, attachment: Attachment) -> Session:
        """Attach another connection of its client to a session.

        A connection that is still attached is asked for a sign of life first: one that was lost
        without the host noticing does not lock its client out.

        Raises:
            RpcFailure: There is no such session, its connection is alive, or another client has it.
        """
        await self._await_vacancy(session_id, attachment)
        session = self._get(session_id, attachment)
        self._cancel_lease(session_id)
        session.attach(attachment)
        self._note_resumed(session)
        return session

    async def take_up(self, session_id: SessionId, attachment: Attachment) -> Session:
        """Give a session that has no connection to another client.

        Raises:
            RpcFailure: There is no such session, or its connection is alive.
        """
        await self._await_vacancy(session_id, attachment)
        session = self._get(session_id, attachment)
        self._cancel_lease(session_id)
        session.pass_on(attachment)
        self._note_resumed(session)
        return session

    def take_over(self, session_id: SessionId, attachment: Attachment) -> Session:
        """Give a session to another client, also from its connection, which is told.

        Raises:
            RpcFailure: There is no such session.
        """
        session = self._get(session_id)
        self._cancel_lease(session_id)
        before = session.caller
        session.pass_on(attachment)
        self._audit.record(
            "session.taken_over",
            attachment.caller,
            session_id=session_id,
            before=before.connection,
        )
        self._log.info(
            "session.taken_over",
            session_id=session_id,
            connection=attachment.caller.connection,
            before=before.connection,
        )
        return session

    def detach(self, session: Session) -> None:
        """Let a session go on without a connection for the length of its lease."""
        session.detach()
        if session.is_over:
            return  # its connection is lost because it ended
        self._log.info("session.detached", session_id=session.session_id, lease_s=session.lease_s)
        if session.lease_s <= 0:
            self._expire(session.session_id)
            return
        self._leases[session.session_id] = self._loop.call_later(
            session.lease_s, self._expire, session.session_id
        )

    def end(
        self, session: Session, grace_s: float
    ) -> "asyncio.Future[tuple[Survivor, ...]] | None":
        """End an attached session because its client is done with it; see `Session.close`."""
        self._remove(session.session_id)
        ended = session.close(EndReason.SESSION_ENDED, grace_s)
        self._note_end(session, SessionEnd.ENDED)
        return ended

    def close(self, reason: EndReason) -> None:
        """End every session, with KILL for what still runs. Idempotent."""
        for session_id in tuple(self._leases):
            self._cancel_lease(session_id)
        for session in self._sessions.values():
            session.close(reason, 0)
            self._note_end(session, SessionEnd.SHUTDOWN)
        self._sessions.clear()
        self._names.clear()
        self._tally.note_sessions(0)
        self._relief.close()
        self._heap.close()

    def _processes_by_need(self) -> Iterator[Process]:
        """Yield every process, those first whose output is needed least; some come twice."""
        sessions = tuple(self._sessions.values())
        for session in sessions:
            yield from tuple(session.finished_processes)
        for session in sorted(sessions, key=lambda it: it.peer is not None):
            yield from reversed(tuple(session.processes))

    async def _await_vacancy(self, session_id: SessionId, attachment: Attachment) -> None:
        """Return once the session has no connection."""
        peer = self._get(session_id, attachment).peer
        while peer is not None:
            if await peer.is_alive():
                raise RpcFailure(
                    ErrorCode.SESSION_ATTACHED,
                    ErrorReason.SESSION_ATTACHED,
                    f"cannot resume session {session_id}: it is attached to another connection",
                    subject=session_id,
                )
            # Somebody else may have been quicker while the old connection was being asked.
            peer = self._get(session_id, attachment).peer

    def _get(self, session_id: SessionId, attachment: Attachment | None = None) -> Session:
        terms = None if attachment is None else attachment.terms
        session = self._sessions.get(session_id)
        if session is None:
            if terms is not None and terms.instance not in {None, self.instance}:
                raise RpcFailure(
                    ErrorCode.INVALID_REQUEST,
                    ErrorReason.HOST_RESTARTED,
                    f"cannot resume session {session_id}: the host has restarted",
                    subject=session_id,
                )
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.SESSION_UNKNOWN,
                f"cannot find session {session_id}: it is unknown, or its lease ran out",
                subject=session_id,
            )
        if terms is not None and terms.generation not in {None, session.generation}:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.SESSION_TAKEN_OVER,
                f"cannot resume session {session_id}: another client has it now",
                subject=session_id,
            )
        return session

    def _expire(self, session_id: SessionId) -> None:
        session = self._sessions[session_id]
        self._remove(session_id)
        session.close(EndReason.SESSION_EXPIRED, self._config.shutdown.kill_grace_s)
        self._note_end(session, SessionEnd.EXPIRED)

    def _remove(self, session_id: SessionId) -> None:
        self._cancel_lease(session_id)
        session = self._sessions.pop(session_id)
        self._tally.note_sessions(len(self._sessions))
        if session.name is not None:
            del self._names[session.name]

    def _note_resumed(self, session: Session) -> None:
        self._counters.sessions_resumed += 1
        self._log.info("session.resumed", session_id=session.session_id)

    def _note_end(self, session: Session, reason: SessionEnd) -> None:
        self._heap.note_freed()
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
