"""The audit log: who ran what on this host, and how it ended. One JSON object a line."""

import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.config import Audit
from telexec_service.core.caller import Caller
from telexec_service.core.counters import Counters
from telexec_service.core.failure import RpcFailure

MAX_TEXT_BYTES = 4096
"""The most that is recorded of one text that a client chose; what is cut ends with an ellipsis."""

_encode = msgspec.json.Encoder().encode


class AuditError(Exception):
    """The audit log cannot be opened; the text says why."""


class AuditLog:
    """Records to a file, or to nowhere.

    Each record is written before the call returns. While the file takes none, as on a full disk,
    the service goes on, says so once in its log and counts what is missing.

    Args:
        path: An absolute path; None: nothing is recorded.
        rules: What is recorded, and whether it must be.
        log: A structlog logger.

    Raises:
        AuditError: The file cannot be opened for appending.
    """

    def __init__(self, path: str | None, rules: Audit, counters: Counters, log: Any) -> None:
        self._path = path
        self._rules = rules
        self._counters = counters
        self._log = log
        self._lost = 0
        self._is_line_torn = False
        self._descriptor = None if path is None else _open(path)

    def reopen(self) -> None:
        """Go on in the file that has the name now.

        Raises:
            AuditError: It cannot be opened; the one before is kept.
        """
        if self._path is None:
            return
        descriptor = _open(self._path)
        self.close()
        self._descriptor = descriptor
        self._is_line_torn = False

    def close(self) -> None:
        """Record nothing any more. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def record_start(self, caller: Caller, argv: Sequence[str], **fields: object) -> None:
        """Record a start that is about to happen.

        Raises:
            RpcFailure: It could not be recorded, and must be.
        """
        if self._descriptor is None:
            return
        if self._rules.argv:
            fields["argv"] = [_cut(argument) for argument in argv]
        program = os.path.basename(argv[0])
        is_recorded = self.record("process.start", caller, program=program, **fields)
        if not is_recorded and self._rules.required:
            raise _unavailable("start a process", "start")

    def record_change(self, caller: Caller | None, method: str, **fields: object) -> None:
        """Record a change of files that is about to happen.

        Raises:
            RpcFailure: It could not be recorded, and must be.
        """
        is_recorded = self.record("file.change", caller, method=method, **fields)
        if not is_recorded and self._rules.required:
            raise _unavailable("change files", "change")

    def record(self, event: str, caller: Caller | None, **fields: object) -> bool:
        """Record an event; False if the file did not take it."""
        if self._descriptor is None:
            return True
        record: dict[str, object] = {"timestamp": datetime.now(UTC), "event": event}
        if caller is not None:
            record |= {
                "connection": caller.connection,
                "address": caller.address,
                "token": caller.token,
                "client": _cut(caller.client),
            }
        for name, value in fields.items():
            record[name] = _cut(value) if isinstance(value, str) else value
        return self._write(_encode(record) + b"\n")

    def _write(self, line: bytes) -> bool:
        if self._descriptor is None:
            return False
        # A line that was torn by a full disk ends here, so that only it is unreadable.
        line = b"\n" + line if self._is_line_torn else line
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            self._note_lost(error.strerror)
            return False
        if written < len(line):
            self._is_line_torn = True
            self._note_lost("the disk is full")
            return False
        self._is_line_torn = False
        if self._lost:
            self._log.warning("audit.resumed", lost=self._lost)
            self._lost = 0
        return True

    def _note_lost(self, why: str | None) -> None:
        self._counters.audit_records_lost += 1
        if not self._lost:
            self._log.error("audit.failed", error=why)
        self._lost += 1


def _unavailable(action: str, what: str) -> RpcFailure:
    return RpcFailure(
        ErrorCode.INTERNAL,
        ErrorReason.AUDIT_UNAVAILABLE,
        f"cannot {action}: the host records every {what}, and its audit log takes nothing at the"
        " moment",
    )


def _open(path: str) -> int:
    # Non-blocking for the moment of the open: a FIFO without a reader must not hold the service up.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise AuditError(f"cannot open the audit log {path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise AuditError(f"cannot open the audit log {path}: it is not a regular file")
    return descriptor


def _cut(text: str) -> str:
    content = text.encode("utf-8", "backslashreplace")
    if len(content) <= MAX_TEXT_BYTES:
        return content.decode()
    return content[:MAX_TEXT_BYTES].decode(errors="ignore") + "…"
