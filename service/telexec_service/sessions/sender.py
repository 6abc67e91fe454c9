"""Pushing the output of all processes of a session over its connection, each in its turn."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import pybase64
from msgspec import UNSET

from telexec_schemas.binary_frame import output_header
from telexec_schemas.frame import encode_notice
from telexec_schemas.identifiers import ProcessId
from telexec_schemas.method import encode
from telexec_schemas.methods import CLOSED, EXITED, GAP, OUTPUT
from telexec_schemas.process import OutputGap, ProcessClosed, ProcessExited
from telexec_service.core.account import ProcessAccount
from telexec_service.core.delivery import Delivery
from telexec_service.core.events import Event, Exited, Gap, Output
from telexec_service.core.output_log import OutputLog
from telexec_service.core.peer import Peer

_OUTPUT_HEAD = (
    b'{"method":%b,"params":{"processId":%%b,"seq":%%d,"stream":"%%b","chunk":"'
    % encode(OUTPUT.name)
)

_SMALL_BYTES = 1024
"""Output so short is copied into its frame: that costs less than a frame of several parts."""


class Pushed(Protocol):
    """What is pushed: a process of the session, or one of another session that is read along."""

    @property
    def process_id(self) -> ProcessId:
        """What it is called on this connection."""
        ...

    @property
    def handle(self) -> int | None:
        """Its number in binary frames; None: its output is pushed as text."""
        ...

    @property
    def account(self) -> ProcessAccount:
        """Where gaps are counted."""
        ...

    @property
    def log(self) -> OutputLog:
        """What there is to push."""
        ...

    @property
    def delivery(self) -> Delivery:
        """How far it was pushed."""
        ...

    def regulate(self) -> None:
        """Take note that the delivery has moved on."""
        ...


class OutputSender:
    """The one place that pushes output to a peer.

    One piece of a process, then one of the next: none starves the others. While the peer is
    congested nothing is pushed, and full logs make their processes wait.

    Args:
        on_delivered: Called with a process when all there will ever be of it was pushed.
    """

    def __init__(self, peer: Peer, on_delivered: Callable[[Pushed], None]) -> None:
        self._peer = peer
        self._on_delivered = on_delivered
        self._queue: deque[Pushed] = deque()
        self._queued: set[ProcessId] = set()

    def announce(self, process: Pushed) -> None:
        """Push what is new of a process, now or when it is its turn; its log is regulated after."""
        if process.process_id in self._queued:
            return
        if not self._queue:
            # Mostly nobody waits for a turn.
            while not self._peer.is_congested:
                if not self._push_next(process):
                    return
                if process.delivery.has_sent_all and not process.log.is_closed:
                    return
        self._queued.add(process.process_id)
        self._queue.append(process)

    def forget(self, process: Pushed) -> None:
        """Push nothing more of a process. Idempotent."""
        if process.process_id in self._queued:
            self._queued.remove(process.process_id)
            self._queue.remove(process)

    def push(self) -> None:
        """Push what waits, until the peer is congested or nothing is left."""
        while self._queue and not self._peer.is_congested:
            process = self._queue.popleft()
            if self._push_next(process):
                self._queue.append(process)
                process.regulate()
            else:
                self._queued.discard(process.process_id)

    def _push_next(self, process: Pushed) -> bool:
        """Push the next event of a process; False if there is none to push."""
        delivery = process.delivery
        event = delivery.next_event()
        if event is None:
            if process.log.is_closed and delivery.has_sent_all:
                self._on_delivered(process)
            return False
        if isinstance(event, Output) and process.handle is not None:
            header = output_header(process.handle, event.seq, event.stream)
            self._peer.send_binary(header, event.data)
        elif isinstance(event, Gap):
            self._tell_gap(process, event)
        else:
            self._peer.send(*_frame(process.process_id, event))
        delivery.mark_sent(event)
        return True

    def _tell_gap(self, process: Pushed, gap: Gap) -> None:
        process.account.add_gap(gap.lost_bytes)
        # Who does not know of gaps sees a hole in the numbers, and reads what is left.
        if process.delivery.tells_gaps:
            told = OutputGap(process.process_id, gap.seq, gap.next_seq, gap.lost_bytes)
            self._peer.send(encode_notice(GAP.name, told))


def _frame(process_id: ProcessId, event: Event) -> tuple[bytes, ...]:
    if isinstance(event, Output):
        # The hot path: the frame is put together around the output, so that it is copied once.
        head = _OUTPUT_HEAD % (
            encode(process_id),
            event.seq,
            event.stream.encode(),
        )
        chunk = pybase64.b64encode(event.data)
        if len(chunk) <= _SMALL_BYTES:
            return (b'%b%b"}}' % (head, chunk),)
        return head, chunk, b'"}}'
    if isinstance(event, Exited):
        exited = ProcessExited(
            process_id,
            event.seq,
            event.exit_code,
            signal=UNSET if event.signal is None else event.signal,
            reason=event.reason,
            usage=event.usage,
        )
        return (encode_notice(EXITED.name, exited),)
    return (encode_notice(CLOSED.name, ProcessClosed(process_id, event.seq)),)
