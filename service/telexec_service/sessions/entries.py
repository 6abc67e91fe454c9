"""Sessions and processes as lists show them."""

import itertools
from typing import Literal

from msgspec import UNSET

from telexec_schemas.attachment import ProcessEntry
from telexec_schemas.session import SessionEntry, SessionList
from telexec_service.core.session_lists import MAX_LISTED
from telexec_service.processes.process import Process
from telexec_service.sessions.session import Session
from telexec_service.sessions.table import SessionTable


def process_entry(process: Process) -> ProcessEntry:
    """Return what a list says of a process of a session."""
    origin, log, ended, account = process.origin, process.log, process.exit, process.account
    if origin is None:
        raise RuntimeError("a process was listed that no session started")
    state: Literal["running", "exited", "closed"] = "closed" if log.is_closed else "running"
    if ended is not None and not log.is_closed:
        state = "exited"
    ended_at_ms = None
    if account.duration_s is not None:
        ended_at_ms = int((origin.started_at_s + account.duration_s) * 1000)
    return ProcessEntry(
        process_id=process.process_id,
        pid=process.pid,
        state=state,
        argv=origin.argv,
        is_argv_cut=origin.is_argv_cut,
        tty=account.tty,
        labels=origin.labels,
        started_at_ms=int(origin.started_at_s * 1000),
        ended_at_ms=ended_at_ms,
        exit_code=None if ended is None else ended.code,
        signal=None if ended is None else ended.signal,
        reason=None if ended is None else ended.reason,
        next_seq=log.next_seq,
        output_bytes=log.total_bytes,
        first_byte=log.first_byte,
        lost_bytes=account.lost_bytes,
        attached=process.delivery.is_attached,
    )


def session_entry(session: Session) -> SessionEntry:
    """Return what a list says of a session."""
    running = sum(True for _ in session.running_processes)
    detached_at_s = session.detached_at_s
    return SessionEntry(
        session_id=session.session_id,
        name=session.name or UNSET,
        client=session.caller.client,
        address=session.caller.address,
        attached=session.peer is not None,
        created_at_ms=int(session.created_at_s * 1000),
        detached_at_ms=None if detached_at_s is None else int(detached_at_s * 1000),
        lease_ms=int(session.lease_s * 1000),
        running=running,
        finished=sum(True for _ in session.processes) - running,
    )


def session_list(sessions: SessionTable) -> SessionList:
    """Return the list of the sessions that this process of the service has."""
    newest = sessions.newest_first
    listed = [session_entry(it) for it in itertools.islice(newest, MAX_LISTED)]
    return SessionList(listed, truncated=any(True for _ in newest))
