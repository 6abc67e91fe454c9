"""How much output of one process the host may push before we have read it."""

UNLIMITED_OFFSET = 2**63 - 1
"""A credit that is never used up."""

_ANNOUNCED_PART = 2
"""Credit is announced when this part of the window has become free, not byte by byte."""


class CreditWindow:
    """The credit of one process: what was read, plus a window.

    Offsets count bytes from the first byte of output, both streams together, also those that were
    lost on the way.
    """

    __slots__ = ("_arrived", "_consumed", "_granted", "_plenty_bytes", "_window_bytes")

    def __init__(self, window_bytes: int, consumed_bytes: int = 0) -> None:
        self._arrived = consumed_bytes
        self._consumed = consumed_bytes
        self._window_bytes = window_bytes
        self._granted = consumed_bytes + window_bytes
        self._plenty_bytes = window_bytes // _ANNOUNCED_PART

    @property
    def granted(self) -> int:
        """The offset that was last announced; at first the window."""
        return self._granted

    def arrive(self, size_bytes: int) -> int | None:
        """Count bytes as pushed; return the offset to announce now, if there is one."""
        self._arrived += size_bytes
        return self._announcement()

    def consume(self, size_bytes: int) -> int | None:
        """Count bytes as read; return the offset to announce now, if there is one."""
        self._consumed += size_bytes
        return self._announcement()

    def resize(self, window_bytes: int) -> int | None:
        """Change the window; return the offset to announce now, if there is one.

        A wider window is announced once the host may come to need it. What was granted stays
        granted: a narrower one shows only once the output has caught up.
        """
        self._window_bytes = window_bytes
        return self._announcement()

    def renew(self) -> int:
        """Return the offset to announce now that something is announced anyway."""
        self._granted = max(self._granted, self._offset)
        return self._granted

    @property
    def _offset(self) -> int:
        return min(self._consumed + self._window_bytes, UNLIMITED_OFFSET)

    def _announcement(self) -> int | None:
        if self._granted - max(self._arrived, self._consumed) > self._plenty_bytes:
            # Most processes end before they would need more.
            return None
        offset = self._offset
        if offset - self._granted < max(self._window_bytes // _ANNOUNCED_PART, 1):
            return None
        self._granted = offset
        return offset
