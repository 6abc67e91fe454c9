"""The root of every error, and the errors that are a peer's."""

from collections.abc import Sequence

from telexec_schemas.environment import RuledVariable


class TelexecError(Exception):
    """Something that telexec was asked for cannot be done; the text says what and why."""


class RemoteError(TelexecError):
    """The host refused a request for a reason that has no type of its own.

    Attributes:
        code: The number on the wire.
        text: What the host said.
        reason: One of `telexec_schemas.errors.ErrorReason`; `None` from a host without extensions.
        subject: The path, program, name or id that it is about, if the host says.
        limit: The number that was reached, if one was.
        refused: The variables that the host does not take, each with the rule.
        accepted: What it would take instead: names, or a text.
    """

    def __init__(
        self,
        method: str,
        code: int,
        text: str,
        *,
        reason: str | None = None,
        subject: str | None = None,
        limit: int | None = None,
        refused: Sequence[RuledVariable] = (),
        accepted: Sequence[str] = (),
    ) -> None:
        super().__init__(f"cannot do {method}: the host answered {text!r} ({code})")
        self.method = method
        self.code = code
        self.text = text
        self.reason = reason
        self.subject = subject
        self.limit = limit
        self.refused = tuple(refused)
        self.accepted = tuple(accepted)


class ProtocolViolationError(TelexecError):
    """The host sent what the protocol does not allow."""


class UnsupportedError(TelexecError):
    """The host lacks what was asked for; nothing was done."""

    def __init__(self, what: str) -> None:
        super().__init__(f"cannot {what}: the host does not offer it")


class RequestTooLargeError(TelexecError):
    """A request is larger than the host reads; nothing was sent."""

    def __init__(self, method: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"cannot send {method}: its {size_bytes} bytes are more than the host's limit of"
            f" {limit_bytes}"
        )
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes
