"""What a host tells of one process, made into one sequence across lost connections."""

import asyncio
from collections.abc import Callable
from functools import partial

from msgspec import UNSET, Struct

from telexec_client.connection import Call, Connection
from telexec_client.core.assembler import OutputAssembler, PushedEvent
from telexec_client.core.credit import UNLIMITED_OFFSET, CreditWindow
from telexec_client.core.failure import says_process_unknown
from telexec_client.errors import (
    ConnectionLostError,
    ProcessDetachedError,
    ProcessNotFoundError,
    ProtocolViolationError,
    RemoteError,
    TelexecError,
)
from telexec_client.process.buffer import WINDOW_BYTES, OutputBuffer
from telexec_schemas.attachment import AttachOutput, DetachOutput, ProcessEntry
from telexec_schemas.identifiers import ProcessId
from telexec_schemas.methods import ATTACH, CREDIT, DETACH, READ, TERMINATE
from telexec_schemas.process import (
    OutputCredit,
    ReadOutput,
    Stream,
    Terminated,
    TerminateProcess,
    Usage,
)

MAX_HELD_BYTES = 4 * 1024 * 1024
"""How much of what is pushed is held back while older output is read."""

CONFIRMED_PART = 4
"""The host is told what has arrived each time it fills this part of what the host retains."""

CONFIRM_PIECES = 512
"""The same, for output in tiny pieces."""

FIRST_READ_BYTES = 4 * 1024
LARGEST_READ_BYTES = 1024 * 1024
READ_GROWTH = 4
"""Reads begin small and grow: a connection that breaks soon again still brings us further, and one
that holds is not slowed down by many answers."""


class Watched(Struct, frozen=True):
    """A process of another session, that one by its id or name."""

    session: str
    process_id: ProcessId


class ProcessFeed:
    """Follows one process: its output goes to `buffer`, its end is noted here.

    Args:
        after_seq: The event after which to follow it.
        after_bytes: How much output there is up to there.
        watched: The process that is read along, and called `process_id` here; `None`: it is one of
            our own session.
        merge_stderr: Take what comes from stderr for stdout.
    """

    def __init__(
        self,
        connection: Connection,
        process_id: ProcessId,
        program: str,
        *,
        after_seq: int = 0,
        after_bytes: int = 0,
        watched: Watched | None = None,
        merge_stderr: bool = False,
    ) -> None:
        self._watched = watched
        self._connection = connection
        self._process_id = process_id
        grant = connection.extensions
        self._tells_lost = grant is not None and grant.lost
        self._gives_parts = grant is not None and grant.lost and grant.parts
        has_flow = grant is not None and grant.flow
        self._credit = CreditWindow(WINDOW_BYTES, after_bytes) if has_flow else None
        self.buffer = OutputBuffer(
            program,
            credit=self._credit,
            announce=lambda _: self._announce_soon(),
            counter=connection.read_gate,
            merge_stderr=merge_stderr,
        )
        self._assembler = OutputAssembler(
            self, max_held_bytes=MAX_HELD_BYTES, after_seq=after_seq, after_bytes=after_bytes
        )
        self._is_started = False
        retained_bytes = 0 if grant is None else grant.limits.retained_bytes
        self._confirm_bytes = retained_bytes // CONFIRMED_PART
        self._received_bytes = after_bytes
        self._unconfirmed_bytes = 0
        self._unconfirmed_pieces = 0
        self._is_credit_due = False
        self.exit_code: int | None = None
        self.signal: str | None = None
        self.reason: str | None = None
        self.usage: Usage | None = None
        self._ended = asyncio.Event()
        self._is_stopped = False
        self.handle = connection.add_listener(process_id, self)

    def started(self, *, was_resumed: bool) -> None:
        """Learn that the process runs; `was_resumed`: its first events may have been lost."""
        self._is_started = True
        if was_resumed:
            self._take_up()

    async def attach(self) -> ProcessEntry:
        """Have the host push what was not received yet; return what the process is.

        Raises:
            ProcessNotFoundError: There is no such process.
            RemoteError: The host refuses.
        """
        self._is_started = True
        after_seq, after_bytes = self._assembler.begin_read()
        grant = self._connection.extensions
        has_handle = grant is not None and grant.binary_frames
        own = Watched("", self._process_id)
        request = AttachOutput(
            process_id=(self._watched or own).process_id,
            after_seq=after_seq,
            after_bytes=after_bytes,
            credit_bytes=UNSET if self._credit is None else self._credit.renew(),
            handle=self.handle if has_handle else UNSET,
            session=UNSET if self._watched is None else self._watched.session,
            watch_id=UNSET if self._watched is None else self._process_id,
        )
        try:
            entry = (await self._connection.call(ATTACH, request)).process
        except RemoteError as error:
            if says_process_unknown(error):
                raise ProcessNotFoundError(request.process_id) from error
            raise
        self.buffer.program = entry.argv[0]
        if entry.exit_code is not None:
            # What was pushed to somebody before is not pushed again.
            self.exit_code, self.signal, self.reason = entry.exit_code, entry.signal, entry.reason
        if entry.state == "closed" and after_seq + 1 >= entry.next_seq:
            self.closed()
        return entry

    @property
    def is_running(self) -> bool:
        """See `ProcessListener`; what is another session's is not ours to end."""
        return not self.is_ended and self._watched is None

    @property
    def is_ended(self) -> bool:
        """Whether the process has exited, or nothing more can be known of it."""
        return self._ended.is_set()

    async def wait_ended(self) -> None:
        """Wait until `is_ended`; the caller has the deadline."""
        self._connection.read_gate.count_waiting(1)
        try:
            await self._ended.wait()
        finally:
            self._connection.read_gate.count_waiting(-1)

    def leave(self) -> None:
        """Follow it no more; the host keeps its output for the next one to ask for. Idempotent.

        Who waits for it here, or reads, gets a `ProcessDetachedError`.
        """
        if not self._is_stopped and self._is_started and not self._assembler.is_closed:
            self._connection.post(DETACH, DetachOutput(self._process_id))
            self._is_started = False
        if not self._is_stopped:
            self.buffer.abandon(partial(ProcessDetachedError, self.buffer.program))
        self.stop()

    def stop(self) -> None:
        """Follow it no more, and let it write as much as it likes. Idempotent."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self.buffer.discard()
        self.buffer.close()
        self._connection.remove_listener(self._process_id)
        if self._is_started and self._credit is not None and not self._assembler.is_closed:
            # What is left of it in the background must not wait for a reader that went away.
            self._received_bytes = UNLIMITED_OFFSET
            self._announce(UNLIMITED_OFFSET)

    # What the connection tells.

    def on_event(self, event: PushedEvent) -> None:
        """See `ProcessListener`."""
        self._assembler.push(event)
        if self._assembler.has_hole and self._is_started and self._watched is None:
            self._connection.start_catching_up(self)

    def on_resumed(self) -> None:
        """See `ProcessListener`."""
        self._assembler.attached()
        if self._is_started:
            self._take_up()

    async def catch_up(self) -> None:
        """See `ProcessListener`."""
        try:
            if self._watched is None:
                await self._read_what_is_missing()
            else:
                await self._attach_again()
        except TelexecError as error:
            is_unknown = isinstance(error, RemoteError) and says_process_unknown(error)
            failure = ProcessNotFoundError(self._process_id) if is_unknown else error
            self.on_ended(lambda: failure)

    def on_closing(self) -> Call[Terminated] | None:
        """See `ProcessListener`."""
        if not self.is_running or not self._is_started:
            return None
        return self._connection.post(TERMINATE, TerminateProcess(self._process_id))

    def on_ended(self, error: Callable[[], TelexecError]) -> None:
        """See `ProcessListener`."""
        self.buffer.fail(error)
        self._ended.set()

    # What the assembler gives, in order.

    def output(self, stream: Stream, chunk: bytes) -> None:
        """See `EventSink`."""
        self.buffer.output(stream, chunk)
        self._receive(len(chunk))

    def lost(self, lost_bytes: int | None) -> None:
        """See `EventSink`."""
        self.buffer.lost(lost_bytes)
        self._receive(lost_bytes or 0)

    def exited(
        self, exit_code: int, signal: str | None, reason: str | None, usage: Usage | None
    ) -> None:
        """See `EventSink`."""
        self.exit_code = exit_code
        self.signal = signal
        self.reason = reason
        self.usage = usage
        self._ended.set()
        self.buffer.wake()

    def closed(self) -> None:
        """See `EventSink`."""
        self.buffer.close()
        self._ended.set()
        self._connection.remove_listener(self._process_id)

    # Inside.

    async def _attach_again(self) -> None:
        while not self._is_stopped:
            try:
                await self.attach()
            except ConnectionLostError:
                continue
            return

    def _take_up(self) -> None:
        if self._credit is not None and self._watched is None:
            # What was said of it before may have been lost with a connection.
            self._announce(self._credit.renew())
        self._connection.start_catching_up(self)

    async def _read_what_is_missing(self) -> None:
        is_more = True
        max_bytes = FIRST_READ_BYTES
        while is_more and not self._is_stopped:
            after_seq, after_bytes = self._assembler.begin_read()
            params = ReadOutput(
                self._process_id,
                after_seq=after_seq,
                max_bytes=max_bytes,
                after_bytes=after_bytes if self._tells_lost else UNSET,
                # One that never brings a whole piece brings us further by a part of it.
                part_bytes=self._assembler.part_bytes if self._gives_parts else UNSET,
            )
            try:
                batch = await self._connection.call(READ, params, repeat=False)
            except ConnectionLostError:
                # The same again might be too much again for a connection that does not hold.
                max_bytes = FIRST_READ_BYTES
                continue
            is_more = self._assembler.replay(batch)
            max_bytes = min(max_bytes * READ_GROWTH, LARGEST_READ_BYTES)
            if batch.failure is not None:
                raise ProtocolViolationError(
                    f"cannot read the output of {self._process_id!r}: {batch.failure}"
                )

    def _receive(self, size_bytes: int) -> None:
        """Count what has arrived, and say so before the host has to wait for it."""
        self._received_bytes += size_bytes
        self._unconfirmed_bytes += size_bytes
        self._unconfirmed_pieces += 1
        if self._credit is not None and (
            self._unconfirmed_bytes >= self._confirm_bytes
            or self._unconfirmed_pieces >= CONFIRM_PIECES
        ):
            self._announce_soon()

    def _announce_soon(self) -> None:
        # Who is woken by what has just arrived reads it first: one announcement is enough then.
        if not self._is_credit_due:
            self._is_credit_due = True
            asyncio.get_running_loop().call_soon(self._announce_if_wanted)

    def _announce_if_wanted(self) -> None:
        self._is_credit_due = False
        if self._credit is not None and not self._is_stopped and not self._assembler.is_closed:
            self._announce(self._credit.renew())

    def _announce(self, offset: int) -> None:
        self._unconfirmed_bytes = self._unconfirmed_pieces = 0
        credit = OutputCredit(self._process_id, offset, self._received_bytes)
        self._connection.notify(CREDIT, credit)
