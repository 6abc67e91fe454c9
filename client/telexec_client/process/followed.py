"""A process on a host, as anybody sees it who follows its output."""

import asyncio
from collections.abc import AsyncIterator

from telexec_client.completed import CompletedProcess, PartialProcess
from telexec_client.errors import (
    ConnectionLostError,
    OutputGapError,
    OutputLimitError,
    ProcessTimeoutError,
    ProtocolViolationError,
    SessionLostError,
    TelexecError,
)
from telexec_client.process.buffer import CollectedOutput, OutputSink
from telexec_client.process.feed import ProcessFeed
from telexec_client.process.output_lines import OutputLines
from telexec_client.process.queue import OutputPiece
from telexec_client.process.reading import OutputStream, PieceIterator
from telexec_schemas.identifiers import ProcessId
from telexec_schemas.process import Usage

DEFAULT_MAX_OUTPUT_BYTES = 64 * 1024 * 1024
"""How much output is kept for somebody who wants all of it at once."""


class FollowedProcess(OutputLines):
    """A process whose output and end can be followed. Made by `Client.watch`.

    Attributes:
        process_id: Names it in its session.
        argv: What was started.
        pid: Its number on the host; `None` if the host does not tell.
        stdout: Its output: `async for data in process.stdout`, or `await process.stdout.read()`. A
            process on a PTY has all its output here.
        stderr: Its other output.
    """

    def __init__(
        self, feed: ProcessFeed, process_id: ProcessId, argv: tuple[str, ...], pid: int | None
    ) -> None:
        super().__init__(feed.buffer, stdout=True, stderr=True)
        self.process_id = process_id
        self.argv = argv
        self.pid = pid
        self.stdout = OutputStream(feed.buffer, is_stdout=True)
        self.stderr = OutputStream(feed.buffer, is_stdout=False)
        self._feed = feed
        self._collected: CollectedOutput | None = None

    def __repr__(self) -> str:
        # No arguments: they may hold secrets.
        return f"<{type(self).__name__} {self.argv[0]!r} {self.process_id}>"

    @property
    def exit_code(self) -> int | None:
        """How it ended, 128+N after death by signal N; `None` while it runs."""
        return self._feed.exit_code

    @property
    def usage(self) -> Usage | None:
        """What it cost; `None` while it runs, and if the host does not tell."""
        return self._feed.usage

    def output(self) -> AsyncIterator[OutputPiece]:
        """Go through all output as it comes, in the order the host saw it."""
        return PieceIterator(self._buffer)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come: its output is closed, or it cannot be followed."""
        return self._buffer.is_over

    @property
    def failure(self) -> TelexecError | None:
        """Why it cannot be followed any more; `None` if nothing went wrong."""
        return None if self._buffer.failure is None else self._buffer.failure()

    def deliver_to(self, sink: OutputSink) -> None:
        """Give `sink` all output as it comes, from what is unread on, instead of holding it.

        The process is not held up by who reads it, then. Nothing is left for iterators and `wait`.
        """
        self._buffer.deliver_to(sink)

    async def changed(self) -> None:
        """Wait until output has come, it has ended, or nothing more will come.

        There is no deadline: a process may be silent for ever.
        """
        await self._buffer.changed()

    async def wait(
        self,
        timeout_s: float | None = None,
        *,
        max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
    ) -> CompletedProcess:
        """Wait until it has ended and its output is closed; return how, with the unread output.

        Output that an existing iterator is there for is left to that iterator. A second call
        returns the same again.

        Args:
            timeout_s: How long to wait; the process goes on after that.
            max_output_bytes: The most unread output to hold until the end.

        Raises:
            ProcessTimeoutError: The waiting is over. Nothing was taken: the output can be read.
            OutputLimitError: There is more unread output than that.
            OutputGapError: Output was lost, or dropped because we were too slow.
            ProcessNotFoundError: The session that it belongs to has ended.
            ProcessDetachedError: It was left with `detach`.
            SessionLostError: The host cannot be reached any more.
        """
        partial, collected = await self._wait_for_end(timeout_s, max_output_bytes)
        return self._completed(partial, collected)

    def detach(self) -> None:
        """Follow it no more; it goes on. Idempotent.

        Who waits for it, or reads, gets a `ProcessDetachedError`, now and later; but not if it is
        over and all was read.
        """
        self._feed.leave()

    async def _wait_for_end(
        self, timeout_s: float | None, max_output_bytes: int
    ) -> tuple[PartialProcess, CollectedOutput]:
        if self._collected is None:
            await self._wait_over(timeout_s, max_output_bytes)
            if self._buffer.failure is not None:
                error = self._buffer.failure()
                if isinstance(error, SessionLostError | ConnectionLostError):
                    error.completed = self._known(self._buffer.peek())
                raise error
            self._collected = self._buffer.collect()
        return self._known(self._collected), self._collected

    def _completed(self, partial: PartialProcess, collected: CollectedOutput) -> CompletedProcess:
        if partial.exit_code is None:
            raise ProtocolViolationError(
                f"cannot tell how {self.argv[0]!r} ended: the host did not say"
            )
        completed = CompletedProcess(
            argv=partial.argv,
            exit_code=partial.exit_code,
            signal=partial.signal,
            reason=partial.reason,
            stdout=partial.stdout,
            stderr=partial.stderr,
            usage=partial.usage,
        )
        if collected.gaps:
            raise OutputGapError(self.argv[0], collected.lost_bytes, completed)
        return completed

    async def _wait_over(self, timeout_s: float | None, max_output_bytes: int) -> None:
        buffer = self._buffer
        try:
            with buffer.holding(max_output_bytes):
                async with asyncio.timeout(timeout_s):
                    while not buffer.is_over and buffer.unclaimed_bytes <= max_output_bytes:
                        await buffer.changed()
        except TimeoutError as error:
            raise ProcessTimeoutError(self._known(buffer.peek()), timeout_s or 0.0) from error
        if buffer.unclaimed_bytes > max_output_bytes:
            held = buffer.peek()
            stdout = held.stdout[:max_output_bytes]
            stderr = held.stderr[: max_output_bytes - len(stdout)]
            partial = self._known(CollectedOutput(stdout, stderr, held.gaps))
            raise OutputLimitError(partial, max_output_bytes)

    def _known(self, output: CollectedOutput) -> PartialProcess:
        feed = self._feed
        return PartialProcess(
            argv=self.argv,
            exit_code=feed.exit_code,
            signal=feed.signal,
            reason=feed.reason,
            stdout=output.stdout,
            stderr=output.stderr,
            usage=feed.usage,
        )
