"""A process on a host, as its owner sees it."""

import asyncio
import math
from typing import Literal, overload

from msgspec import UNSET, UnsetType

from telexec_client.completed import CompletedProcess
from telexec_client.connection import Connection
from telexec_client.errors import (
    ClientClosedError,
    ConnectionLostError,
    ProcessIdleError,
    ProcessSurvivedError,
    ProcessTimeoutError,
    SessionLostError,
    StdinClosedError,
    UnsupportedError,
)
from telexec_client.process.communicate import feed_and_wait
from telexec_client.process.deadline import Deadline, client_deadline_s
from telexec_client.process.feed import ProcessFeed
from telexec_client.process.followed import DEFAULT_MAX_OUTPUT_BYTES, FollowedProcess
from telexec_client.process.input import ProcessInput
from telexec_client.process.request import StartWish
from telexec_client.process.text import completed_text, input_bytes, wanted_form
from telexec_schemas.identifiers import ProcessId
from telexec_schemas.message import Nothing
from telexec_schemas.methods import RESIZE, SIGNAL, TERMINATE
from telexec_schemas.process import (
    EndReason,
    ResizeTerminal,
    SignalProcess,
    Started,
    TerminalSize,
    TerminateProcess,
)

END_TIMEOUT_S = 15.0
"""How long a process may take to end once it was terminated."""


class Process(FollowedProcess):
    """A process that was started on a host. Made by `Client.start` and `Client.attach`.

    Its output is held until it is read, within bounds: a process that nobody reads from has to
    wait, and no other does.

    Attributes:
        environment: By which of the host's rules its environment was made, and how many variables
            came from where; `None` if the host does not tell.
    """

    def __init__(
        self,
        connection: Connection,
        feed: ProcessFeed,
        process_id: ProcessId,
        wish: StartWish,
        started: Started,
    ) -> None:
        super().__init__(feed, process_id, tuple(wish.argv), started.pid or None)
        self.environment = started.env or None
        self._connection = connection
        self._input = ProcessInput(
            connection, process_id, self.argv[0], tty=wish.tty, handle=feed.handle
        )
        self._tty = wish.tty
        self._has_stdin = wish.stdin or wish.tty
        self._is_detached = False
        self._timeout_s = wish.timeout_s
        self._idle_timeout_s = wish.idle_timeout_s
        grant = connection.extensions
        self._takes_signals = grant is not None and grant.signals
        self._takes_sizes = grant is not None and grant.resize
        self._deadline = Deadline(
            client_deadline_s(
                wish.timeout_s,
                wish.kill_grace_s,
                host_keeps_time=grant is not None and grant.timeouts,
            ),
            is_over=lambda: self._buffer.is_over,
            end=self._ask_for_end,
            give_up=self._buffer.close,
        )

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write to its stdin or PTY; returns once the host has accepted all of it.

        Several writers take turns. When cancelled, some of it may be written.

        Raises:
            StdinClosedError: It takes no input, or has ended.
            ProcessNotFoundError: The host has forgotten it.
        """
        await self._input.write(data)

    async def close_stdin(self) -> None:
        """End its input once everything written is through: EOF on a pipe, ^D on a PTY.

        Raises:
            UnsupportedError: The host cannot do that for a pipe.
        """
        await self._input.close()

    async def signal(self, name: str) -> None:
        """Send a signal, such as `SIGTERM`, to it and the processes it started.

        Nothing happens if it has ended.

        Raises:
            UnsupportedError: The host knows only `SIGINT`.
        """
        if not self._takes_signals:
            if name != "SIGINT":
                raise UnsupportedError(f"send {name}")
            name = "interrupt"
        _: Nothing = await self._connection.call(SIGNAL, SignalProcess(self.process_id, name))

    async def terminate(self, *, grace_s: float | None = None) -> bool:
        """End it with all that it started, also in the background, and wait for that.

        All of it gets TERM, and what is left after the grace KILL.

        Args:
            grace_s: Between TERM and KILL; 0: KILL at once. `None`: what the host gives. A plain
                host gives none, and ends only what stayed in the process group of one that runs.

        Returns:
            Whether it was still running.

        Raises:
            ProcessSurvivedError: Some of it became another user's, whom the host cannot end.
            UnsupportedError: The host knows no grace.
        """
        answer = await self._connection.call(
            TERMINATE, TerminateProcess(self.process_id, self._grace_ms(grace_s))
        )
        if answer.survivors:
            raise ProcessSurvivedError(self.argv[0], answer.survivors)
        return answer.running

    async def resize(self, size: TerminalSize) -> None:
        """Give its PTY another size.

        Raises:
            UnsupportedError: The host cannot do that.
        """
        if not self._takes_sizes:
            raise UnsupportedError("set the size of a terminal")
        await self._connection.call(RESIZE, ResizeTerminal(self.process_id, size))

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
            ProcessIdleError: It was ended because it wrote nothing for too long.
            ProcessTimeoutError: The waiting, or the time the process was given, is over. After the
                former nothing was taken: the output can still be read.
            OutputLimitError: There is more unread output than that. The process goes on, and waits
                for a reader.
            OutputGapError: Output was lost with a connection.
            ProcessDetachedError: It was left with `detach`.
            SessionLostError: The host cannot be reached any more.
        """
        partial, collected = await self._wait_for_end(timeout_s, max_output_bytes)
        self._deadline.cancel()
        if partial.reason == EndReason.IDLE_TIMEOUT:
            raise ProcessIdleError(partial, self._idle_timeout_s or 0.0)
        if self._deadline.has_passed or partial.reason == EndReason.TIMEOUT:
            raise ProcessTimeoutError(partial, self._timeout_s or 0.0)
        return self._completed(partial, collected)

    @overload
    async def communicate(
        self,
        input: bytes | str | None = None,
        *,
        timeout_s: float | None = None,
        text: Literal[False] = False,
        encoding: None = None,
        errors: str = "strict",
        max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
    ) -> tuple[bytes, bytes]: ...

    @overload
    async def communicate(
        self,
        input: bytes | str | None = None,
        *,
        timeout_s: float | None = None,
        text: Literal[True],
        encoding: str | None = None,
        errors: str = "strict",
        max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
    ) -> tuple[str, str]: ...

    @overload
    async def communicate(
        self,
        input: bytes | str | None = None,
        *,
        timeout_s: float | None = None,
        text: bool = False,
        encoding: str,
        errors: str = "strict",
        max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
    ) -> tuple[str, str]: ...

    async def communicate(
        self,
        input: bytes | str | None = None,  # noqa: A002 -- the name it has in subprocess
        *,
        timeout_s: float | None = None,
        text: bool = False,
        encoding: str | None = None,
        errors: str = "strict",
        max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
    ) -> tuple[bytes, bytes] | tuple[str, str]:
        r"""Write all of its input, end that, and return all of its stdout and stderr at its end.

        How it ended is then in `exit_code`. When cancelled, some of the input may be written.

        >>> async with client.start(["sort"], stdin=True) as process:
        ...     out, err = await process.communicate("b\na\n", text=True)
        ...     print(out, process.exit_code)
        a
        b
         0

        Args:
            input: What to write; a process that ends without reading it is no error. `None`:
                nothing, and a stdin is ended; a terminal is left as it is.
            timeout_s: How long to wait; the process goes on after that.
            text: See `Client.run`.
            encoding: See `Client.run`.
            errors: See `Client.run`.
            max_output_bytes: See `wait`.

        Raises:
            StdinClosedError: There is input, and it was started without a stdin.
            ProcessTimeoutError: See `wait`. The rest of the input will not be written.
            OutputLimitError: See `wait`.
            OutputGapError: See `wait`.
            OutputEncodingError: Its output is no text in the encoding.
            SessionLostError: The host cannot be reached any more.
            UnsupportedError: The host cannot end an input.
            LookupError: Python has no such encoding.
            UnicodeEncodeError: The input cannot be encoded.
        """
        form = wanted_form(text=text, encoding=encoding, errors=errors)
        data = input_bytes(input, form)
        if data and not self._has_stdin:
            raise StdinClosedError(self.argv[0])
        if self._has_stdin and (data is not None or not self._tty):
            completed = await feed_and_wait(
                self, data or b"", timeout_s=timeout_s, max_output_bytes=max_output_bytes
            )
        else:
            completed = await self.wait(timeout_s, max_output_bytes=max_output_bytes)
        if form is None:
            return completed.stdout, completed.stderr
        decoded = completed_text(completed, form)
        return decoded.stdout, decoded.stderr

    def detach(self) -> None:
        """Follow it no more, and leave it to the session; it can be attached again. Idempotent.

        Who waits for it, or reads, gets a `ProcessDetachedError`, now and later. Its output waits
        on the host: once that holds as much as it keeps, the process waits too, unless it was
        started with `overflow="drop"`.

        Raises:
            UnsupportedError: The host cannot attach it again.
        """
        grant = self._connection.extensions
        if grant is None or not grant.attach:
            raise UnsupportedError("leave a process to its session")
        self._is_detached = True
        self._deadline.cancel()
        super().detach()

    async def close(self) -> None:
        """Kill it if it still runs, wait for its end, and drop what was not read.

        What it left in the background goes on. After `detach` this does nothing. Idempotent.

        Raises:
            ProcessTimeoutError: It did not end.
        """
        if self._is_detached:
            return
        self._deadline.cancel()
        self._buffer.discard()
        try:
            if not self._feed.is_ended:
                async with asyncio.timeout(END_TIMEOUT_S):
                    self._ask_for_end()
                    await self._feed.wait_ended()
        except (SessionLostError, ConnectionLostError, ClientClosedError):
            pass  # The host ends what belonged to the session.
        except TimeoutError as error:
            completed = self._known(self._buffer.peek())
            raise ProcessTimeoutError(completed, END_TIMEOUT_S) from error
        finally:
            self._feed.stop()

    def _grace_ms(self, grace_s: float | None) -> int | UnsetType:
        grant = self._connection.extensions
        if grant is not None and grant.grace:
            return grant.limits.kill_grace_ms if grace_s is None else math.ceil(grace_s * 1000)
        if grace_s is not None:
            raise UnsupportedError("give a process time between TERM and KILL")
        return UNSET

    def _ask_for_end(self) -> None:
        self._connection.post(TERMINATE, TerminateProcess(self.process_id))
