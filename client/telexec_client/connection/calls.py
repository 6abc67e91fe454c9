"""Requests that wait for their answer."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec

from telexec_client.errors import ConnectionLostError, ProtocolViolationError, TelexecError
from telexec_schemas.method import Method

Result = TypeVar("Result")


class Call(Generic[Result]):
    """A request that was sent, or that will be as soon as there is a connection.

    Exactly one of `result` and `abandon` ends it.
    """

    __slots__ = ("_answer", "_table", "frame", "is_repeated", "method", "request_id")

    def __init__(
        self,
        table: "CallTable",
        request_id: int,
        method: Method[Any, Result],
        frame: bytes,
        *,
        is_repeated: bool,
    ) -> None:
        self._table = table
        self._answer: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self.request_id = request_id
        self.method = method
        self.frame = frame
        self.is_repeated = is_repeated

    async def result(self) -> Result:
        """Wait for the answer.

        There is no deadline here: a host that gives no sign of life is noticed by the transport,
        and some answers (that of a write to a full pipe) take as long as they take. When cancelled,
        the host may still do what was asked.

        Raises:
            RemoteError: The host refused.
            ConnectionLostError: It is not known whether the host did it.
            ProtocolViolationError: The answer makes no sense.
        """
        self._table.count_waiting(1)
        try:
            raw = await self._answer
        finally:
            self._table.count_waiting(-1)
            self.abandon()
        try:
            return self.method.decode_result(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProtocolViolationError(
                f"cannot understand the answer to {self.method.name}: {error}"
            ) from error

    def abandon(self) -> None:
        """Stop waiting; the answer, if there is one, is dropped. Idempotent."""
        self._table.remove(self)
        self._answer.cancel()

    def succeed(self, raw: msgspec.Raw) -> None:
        """Give the answer to who waits."""
        if not self._answer.done():
            self._answer.set_result(raw)

    def fail(self, error: TelexecError) -> None:
        """Give the error to who waits."""
        if not self._answer.done():
            self._answer.set_exception(error)
            # Who abandons a call in the same turn of the loop does not look at its error.
            self._answer.exception()


class CallTable:
    """All requests without an answer, in the order they were made.

    Args:
        on_waiting: Told with +1 and -1 how many callers wait.
    """

    def __init__(self, on_waiting: Callable[[int], None]) -> None:
        self._calls: dict[int, Call[Any]] = {}
        self._last_id = 0
        self._on_waiting = on_waiting

    def next_id(self) -> int:
        """Return an id that was not used before."""
        self._last_id += 1
        return self._last_id

    def add(
        self, request_id: int, method: Method[Any, Result], frame: bytes, *, is_repeated: bool
    ) -> Call[Result]:
        """Remember a request."""
        call = Call(self, request_id, method, frame, is_repeated=is_repeated)
        self._calls[request_id] = call
        return call

    def remove(self, call: Call[Any]) -> None:
        """Forget a request. Idempotent."""
        self._calls.pop(call.request_id, None)

    def take(self, request_id: int | str) -> Call[Any] | None:
        """Return the request that an answer belongs to, and forget it."""
        return self._calls.pop(request_id, None) if isinstance(request_id, int) else None

    def repeated(self) -> Iterable[Call[Any]]:
        """Return what is to be sent again, oldest first."""
        return list(self._calls.values())

    def fail_unrepeated(self, why: str) -> None:
        """Give up what is not to be sent again."""
        for call in [call for call in self._calls.values() if not call.is_repeated]:
            self.remove(call)
            call.fail(
                ConnectionLostError(f"cannot tell whether {call.method.name} was done: {why}")
            )

    def fail_all(self, error: Callable[[], TelexecError]) -> None:
        """Give up everything."""
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.fail(error())

    def count_waiting(self, change: int) -> None:
        """Add to the callers that wait; less than 0 if they do no more."""
        self._on_waiting(change)
