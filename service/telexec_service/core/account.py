"""What is known of one process besides its output: the numbers that its end is told with."""

from telexec_schemas.process import EndReason, Stream
from telexec_service.core.counters import Counters


class ProcessAccount:
    """Counts for one process, and adds to what the whole service counts.

    Args:
        counters: The service's.
        profile: The policy that its environment was made by; None: none of the host's by name.
        tty: Whether it has a PTY.
        now_s: The time on the loop's clock.
    """

    __slots__ = (
        "_counters",
        "_is_open",
        "_retained_bytes",
        "_started_s",
        "duration_s",
        "lost_bytes",
        "profile",
        "stdin_bytes",
        "tty",
    )

    def __init__(self, counters: Counters, *, profile: str | None, tty: bool, now_s: float) -> None:
        self._counters = counters
        self._started_s = now_s
        self._retained_bytes = 0
        self._is_open = True
        self.profile = profile
        self.tty = tty
        self.duration_s: float | None = None
        self.stdin_bytes = 0
        self.lost_bytes = 0
        counters.processes_running += 1
        counters.processes_known += 1

    def add_output(self, stream: Stream, size_bytes: int) -> None:
        """Note output that was read."""
        self._counters.output_bytes[stream] += size_bytes

    def add_input(self, size_bytes: int) -> None:
        """Note input that a client wrote."""
        self.stdin_bytes += size_bytes
        self._counters.stdin_bytes += size_bytes

    def add_gap(self, size_bytes: int) -> None:
        """Note output that a reader asked for and that is no longer retained."""
        self.lost_bytes += size_bytes
        self._counters.gaps += 1
        self._counters.gap_bytes += size_bytes

    def add_kill(self, reason: EndReason) -> None:
        """Note that the service sent KILL."""
        self._counters.kills[reason] += 1

    def set_retained(self, size_bytes: int) -> None:
        """Note how much output is retained now."""
        if not self._is_open:
            return
        self._counters.retained_bytes += size_bytes - self._retained_bytes
        self._retained_bytes = size_bytes

    def end(self, reason: EndReason, now_s: float) -> None:
        """Note that the child is gone. Again changes nothing."""
        if self.duration_s is None:
            self.duration_s = now_s - self._started_s
            self._counters.processes_running -= 1
            self._counters.process_ends[reason] += 1

    def close(self) -> None:
        """Note that the process is forgotten. Idempotent."""
        if self._is_open:
            self.set_retained(0)
            self._is_open = False
            self._counters.processes_known -= 1
