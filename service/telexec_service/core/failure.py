"""The error that a request ends with."""

from collections.abc import Sequence

import msgspec

from telexec_schemas.environment import RuledVariable
from telexec_schemas.errors import ErrorCode, ErrorData, ErrorReason, WireError
from telexec_schemas.method import encode


class RpcFailure(Exception):  # noqa: N818 - the wire's word; it is an answer, not a crash
    """A request cannot be done; this is what its caller is told.

    Args:
        code: What the dialect says.
        reason: What a program acts on.
        message: What a person reads; starts with "cannot".
        subject: The path, program, name, id or limit that it is about.
        limit: The number that was reached, in the unit of the limit that `subject` names.
        refused: The variables that the host does not take from the request.
        accepted: What it would take instead.
        differing: The parameters that are not those of the process that is there.
    """

    def __init__(
        self,
        code: ErrorCode,
        reason: ErrorReason,
        message: str,
        *,
        subject: str | None = None,
        limit: int | None = None,
        refused: Sequence[RuledVariable] = (),
        accepted: Sequence[str] = (),
        differing: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.subject = subject
        self.limit = limit
        self.refused = refused
        self.accepted = accepted
        self.differing = differing

    def to_wire(self) -> WireError:
        """Return the error as it travels; what JSON cannot carry of its texts is replaced."""
        data = ErrorData(
            self.reason,
            None if self.subject is None else printable(self.subject),
            self.limit,
            self.refused,
            self.accepted,
            self.differing,
        )
        message = printable(self.message) or self.reason
        return WireError(int(self.code), message, msgspec.Raw(encode(data)))


def limit_reached(message: str, subject: str, limit: int) -> RpcFailure:
    """Return the failure of a request that went over the limit that `subject` names."""
    return RpcFailure(
        ErrorCode.INVALID_REQUEST,
        ErrorReason.LIMIT_REACHED,
        message,
        subject=subject,
        limit=limit,
    )


def printable(text: str) -> str:
    """Return a text that JSON can carry: bytes in it that are not UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
