"""How far the output of one process was pushed to its session, and how far it may run ahead."""

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Overflow
from telexec_service.core.events import Event, Gap, Output
from telexec_service.core.output_log import OutputLog


class Delivery:
    """The push cursor of one process.

    With credit, output is pushed up to an offset that the client moves on as it consumes, and what
    has not arrived yet stays retained, so that a lost connection loses nothing. Without credit,
    what was pushed counts as arrived, and the newest output stays retained as far as it fits.

    Args:
        credit_bytes: The offset up to which output may be pushed at first; None: no such bound.
        overflow: What happens when the log is full: `pause` keeps what the client does not have,
            and the process waits; `drop` drops the oldest, and it never does.

    Attributes:
        may_drop: Whether output may be dropped that was not pushed yet.
        tells_gaps: Whether the client wants to be told of gaps.
    """

    def __init__(
        self, log: OutputLog, *, credit_bytes: int | None, overflow: Overflow = "pause"
    ) -> None:
        self._log = log
        self.may_drop = overflow == "drop"
        self._credit_bytes = credit_bytes
        self._received_bytes = 0
        self._next_seq = Seq(1)
        self._sent_bytes = 0
        self._is_attached = True
        self._pinned_byte = 0
        self.tells_gaps = self.may_drop

    @property
    def is_attached(self) -> bool:
        """Whether the output goes to a connection."""
        return self._is_attached

    @property
    def has_sent_all(self) -> bool:
        """Whether every event so far was pushed."""
        return self._next_seq == self._log.next_seq

    def next_event(self) -> Event | Gap | None:
        """Return the event to push next; None if there is none or the credit is used up.

        A gap stands in the place of those that are no longer there.
        """
        event = self._log.event(self._next_seq)
        if (
            self._credit_bytes is not None
            # A piece may overshoot, so that a credit smaller than a piece still gets through.
            and self._sent_bytes >= self._credit_bytes
            and (event is None or isinstance(event, Output))
        ):
            return None
        if event is None and self._next_seq < self._log.next_seq:
            return self._gap()
        return event

    def mark_sent(self, event: Event | Gap) -> None:
        """Note that an event was pushed, or that a gap was told."""
        if isinstance(event, Gap):
            self._next_seq = event.next_seq
            self._sent_bytes += event.lost_bytes
            return
        self._next_seq = Seq(event.seq + 1)
        if isinstance(event, Output):
            self._sent_bytes = event.end

    def grant(self, up_to_bytes: int, received_bytes: int) -> None:
        """Move the credit on; smaller offsets than before are old news and change nothing."""
        if self._credit_bytes is not None:
            self._credit_bytes = max(self._credit_bytes, up_to_bytes)
            self._received_bytes = max(self._received_bytes, received_bytes)

    def attach(self) -> None:
        """Note that the session has a connection."""
        self._is_attached = True

    def detach(self) -> None:
        """Note that the session has none: all that is retained may still be asked for."""
        self._is_attached = False
        arrived = min(self._received_bytes, self._sent_bytes)
        self._pinned_byte = max(self._log.first_byte, arrived)

    def rewind(self, after_seq: int, after_bytes: int, *, credit_bytes: int | None) -> None:
        """Push again what there is of the events after `after_seq`, and tell what is missing.

        What lies before them counts as received.

        Args:
            after_seq: 0 pushes from the start.
            after_bytes: How much output there is up to there, as far as the client knows.
            credit_bytes: In the place of the credit so far.
        """
        log = self._log
        self._next_seq = Seq(min(after_seq + 1, log.next_seq))
        known_byte = log.offset_of(self._next_seq)
        offset = min(after_bytes, log.first_byte) if known_byte is None else known_byte
        self._sent_bytes = self._received_bytes = offset
        self._credit_bytes = credit_bytes
        self._is_attached = True
        self.tells_gaps = True

    def abandon(self) -> None:
        """Note that nobody will ask for anything any more."""
        self.may_drop = True

    @property
    def pinned_byte(self) -> int:
        """The offset from which on nothing may be dropped."""
        if self.may_drop:
            return self._log.total_bytes
        if not self._is_attached:
            return self._pinned_byte
        if self._credit_bytes is None:
            return self._sent_bytes
        # More than was sent: a client that wants no more of it, and nothing kept.
        return min(self._received_bytes, self._sent_bytes)

    @property
    def is_log_full(self) -> bool:
        """Whether the process should wait: what may not be dropped fills its share of the log."""
        if self.may_drop:
            return False
        log = self._log
        # Without credit only half is filled with what is to be sent: the rest is for readers that
        # come back after a cut and ask again for what was on its way.
        share = 2 if self._is_attached and self._credit_bytes is None else 1
        # What is spilled takes no memory.
        pinned_byte = max(self.pinned_byte, log.memory_byte)
        # Nothing is never too much, however small the log: else no process would ever be read.
        if log.total_bytes - pinned_byte >= max(1, log.capacity_bytes // share):
            # The newest piece is spilled when the next one is there.
            return not (log.has_spill and log.retained_events == 1)
        # In tiny pieces the count decides: of what is unsent, and of what may not be dropped.
        unsent_seq = max(self._next_seq, log.memory_seq)
        return (
            log.next_seq - unsent_seq >= max(1, log.capacity_events // 2)
            or log.retained_events >= log.capacity_events * 2
        )

    @property
    def is_beyond_its_part(self) -> bool:
        """Whether the process should wait when the host has too much of all processes together.

        A client that is there has to get so much that it says what has arrived; for one that is
        away, everything waits.
        """
        log = self._log
        part = 0
        if self._is_attached:
            part = log.capacity_bytes // (4 if self._credit_bytes is None else 2)
        return not self.may_drop and log.total_bytes - max(self.pinned_byte, log.memory_byte) > part

    def _gap(self) -> Gap:
        log = self._log
        # How the process ended is always there.
        if log.exit is not None and self._next_seq < log.exit.seq < log.first_seq:
            next_seq, next_byte = log.exit.seq, log.exit_byte
        else:
            next_seq, next_byte = log.first_seq, log.first_byte
        return Gap(self._next_seq, next_seq, next_byte - self._sent_bytes)
