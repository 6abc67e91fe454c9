"""Processes as a host lists them."""

from typing import Literal

from telexec_schemas.attachment import ProcessEntry
from telexec_schemas.identifiers import ProcessId, Seq


def entry(
    process_id: str = "0123456789abcdef",
    *argv: str,
    state: Literal["running", "exited", "closed"] = "running",
    exit_code: int | None = None,
    signal: str | None = None,
    reason: str | None = None,
    started_at_ms: int = 0,
    pid: int = 4711,
) -> ProcessEntry:
    return ProcessEntry(
        process_id=ProcessId(process_id),
        pid=pid,
        state=state,
        argv=argv or ("make", "world"),
        tty=False,
        started_at_ms=started_at_ms,
        next_seq=Seq(1),
        output_bytes=0,
        first_byte=0,
        lost_bytes=0,
        attached=False,
        exit_code=exit_code,
        signal=signal,
        reason=reason,
    )
