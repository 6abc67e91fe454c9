"""Holding back a host that knows no credit."""

from telexec_client.transport import Transport

UNREAD_LIMIT_BYTES = 16 * 1024 * 1024
"""Above this much unread output of all processes together, nothing more is read."""


class ReadGate:
    """Stops reading from the host while too much of its output is unread and nobody waits for it.

    Somebody who waits (for an answer, for output, for an end) always gets what he waits for: it may
    be behind output that another one does not read.
    """

    def __init__(self, *, limit_bytes: int = UNREAD_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._unread_bytes = 0
        self._waiting = 0
        self._transport: Transport | None = None

    def attach(self, transport: Transport | None) -> None:
        """Govern another transport; `None`: there is none at the moment."""
        self._transport = transport
        self._decide()

    def count_unread(self, change_bytes: int) -> None:
        """Add to the unread output; less than 0 if it was read."""
        self._unread_bytes += change_bytes
        self._decide()

    def count_waiting(self, change: int) -> None:
        """Add to those who wait; less than 0 if they do no more."""
        self._waiting += change
        self._decide()

    def _decide(self) -> None:
        if self._transport is None:
            return
        if self._waiting > 0 or self._unread_bytes <= self._limit_bytes // 2:
            self._transport.resume_reading()
        elif self._unread_bytes > self._limit_bytes:
            self._transport.pause_reading()
