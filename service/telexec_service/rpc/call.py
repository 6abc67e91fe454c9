"""One request on its way to its answer, and what is said of it afterwards."""

import asyncio
import time
from typing import Any

from telexec_schemas import methods
from telexec_schemas.errors import ErrorReason
from telexec_schemas.frame import Request
from telexec_schemas.identifiers import RequestId
from telexec_service.core.counters import STARTED, Counters, RequestOutcome
from telexec_service.core.failure import RpcFailure

MAX_SHOWN = 100
"""How many characters are logged of a text that a client chose."""


class Call:
    """A request from its arrival until it is answered or given up.

    Attributes:
        id: The request's; that of no request for a frame that holds none.
        method: What it asks for; None for a frame that holds no request.
        process_id: The process that it names, once its params are known.
        turns: Has it wait for its turn; None: it need not.
        is_frequent: Whether it is one of thousands, which only a debug log shows.
    """

    __slots__ = ("_bytes_in", "_started_s", "id", "is_frequent", "method", "process_id", "turns")

    def __init__(self, request_id: RequestId, method: str | None, bytes_in: int) -> None:
        self._started_s = time.perf_counter()
        self._bytes_in = bytes_in
        self.id = request_id
        self.method = method
        self.process_id: str | None = None
        self.is_frequent = False
        self.turns: asyncio.Semaphore | None = None

    @classmethod
    def of(cls, request: Request, bytes_in: int) -> "Call":
        """Return the call of a request."""
        return cls(request.id, request.method, bytes_in)

    def complete(
        self,
        log: Any,
        counters: Counters,
        outcome: RequestOutcome,
        *,
        bytes_out: int,
        pid: int | None = None,
        failure: RpcFailure | None = None,
    ) -> None:
        """Count the call and write its line to the log; `pid` is of the process it started."""
        duration_s = time.perf_counter() - self._started_s
        counted = counters.method(self.method or "")
        counted.outcomes[outcome] += 1
        counted.durations.add(duration_s)
        if failure is not None:
            counters.errors[failure.reason] += 1
            if failure.reason is ErrorReason.LIMIT_REACHED:
                counters.add_limit(failure.subject or "")
        if self.method == methods.START.name:
            counters.add_start(STARTED if failure is None else failure.reason)
        fields: dict[str, object] = {
            "id": _shown(self.id),
            "method": _shown(self.method),
            "duration_ms": round(duration_s * 1000, 3),
            "outcome": outcome,
            "bytes_in": self._bytes_in,
            "bytes_out": bytes_out,
        }
        if self.process_id is not None:
            fields["process_id"] = _shown(self.process_id)
        if pid is not None:
            fields["pid"] = pid
        if failure is not None:
            fields["code"] = int(failure.code)
            fields["reason"] = failure.reason
        if self.is_frequent and failure is None:
            log.debug("rpc.completed", **fields)
        else:
            log.info("rpc.completed", **fields)


def _shown(value: RequestId | None) -> RequestId | None:
    return value[:MAX_SHOWN] if isinstance(value, str) else value
