"""One command that was started: its output since the last result, and its end."""

import asyncio
import secrets
from collections.abc import Sequence

from telexec_client.errors import (
    ClientClosedError,
    CommandLostError,
    ConnectionLostError,
    InputStalledError,
    ProtocolViolationError,
    SessionLostError,
    TerminalMissingError,
)
from telexec_client.process import Process
from telexec_client.unified_exec.core.pruning import Candidate
from telexec_client.unified_exec.core.result import CommandResult, result_of
from telexec_client.unified_exec.core.transcript import Transcript

EXIT_GRACE_S = 0.25
"""How long after the end of a command its output may still be open, before it is left to itself.

What a command leaves in the background may hold its output open for ever.
"""

WRITE_REACTION_S = 0.1
"""What a command has to react to input, on top of the time that the call waits."""

INPUT_TIMEOUT_S = 10.0
"""How long a command may take to accept what is written to it."""

INTERRUPT = "\x03"
"""^C: all that a command without a terminal can be told."""


class RunningCommand:
    """A command on the host.

    Attributes:
        session_id: What it is called.
        argv: What was started.
        workdir: Where.
        tty: Whether it has a terminal.
        turn: Whoever writes, waits and takes output holds it meanwhile.
        started_s: When, on the clock of the event loop; `last_used_s`: when it was last called.
    """

    def __init__(
        self, session_id: int, process: Process, *, argv: Sequence[str], workdir: str, tty: bool
    ) -> None:
        self.session_id = session_id
        self.argv = tuple(argv)
        self.workdir = workdir
        self.tty = tty
        self.turn = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self.started_s = self.last_used_s = self._loop.time()
        self._process = process
        self._transcript = Transcript()
        process.deliver_to(self._transcript)

    @property
    def pid(self) -> int | None:
        """Its number on the host, if the host tells."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; `None` while it runs."""
        return self._process.exit_code

    @property
    def unread_bytes(self) -> int:
        """How much it wrote since the last result."""
        return self._transcript.unread_bytes

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, or cannot be followed any more."""
        return self._process.exit_code is not None or self._process.is_over

    @property
    def candidate(self) -> Candidate:
        """What is to know of it when some command has to go."""
        return Candidate(
            self.session_id, self.last_used_s, has_ended=self.has_ended, is_busy=self.turn.locked()
        )

    def use(self) -> None:
        """Note that it was called."""
        self.last_used_s = self._loop.time()

    async def write(self, chars: bytes) -> None:
        """Write to its terminal.

        Raises:
            TerminalMissingError: It has none, and this is no ^C.
            InputStalledError: It did not take all of it in time.
            StdinClosedError: It takes no input any more; most likely it has ended.
            ProcessNotFoundError: The host has forgotten it.
            SessionLostError: The host cannot be reached any more.
        """
        try:
            async with asyncio.timeout(INPUT_TIMEOUT_S):
                if self.tty:
                    await self._process.write(chars)
                elif chars == INTERRUPT.encode():
                    await self._process.signal("SIGINT")
                else:
                    raise TerminalMissingError(self.session_id)
        except TimeoutError as error:
            raise InputStalledError(self.session_id, INPUT_TIMEOUT_S) from error

    async def wait(self, deadline_s: float) -> None:
        """Wait until it has ended with all its output, or until `deadline_s` (the loop's clock)."""
        try:
            async with asyncio.timeout_at(deadline_s):
                while not self.has_ended:
                    await self._process.changed()
        except TimeoutError:
            return
        try:
            async with asyncio.timeout(EXIT_GRACE_S):
                while not self._process.is_over:
                    await self._process.changed()
        except TimeoutError:
            return

    def take(self, *, max_tokens: int, wall_time_s: float) -> CommandResult:
        """Return what there is since the last result. After its end nothing follows.

        Raises:
            CommandLostError: It cannot be followed any more.
        """
        has_ended = self.has_ended
        excerpt = self._transcript.take(is_last=has_ended)
        exit_code = self._process.exit_code
        result = result_of(
            excerpt,
            max_tokens=max_tokens,
            exit_code=exit_code,
            session_id=None if has_ended else self.session_id,
            wall_time_s=wall_time_s,
            chunk_id=secrets.token_hex(3),
        )
        if has_ended and exit_code is None:
            cause = self._process.failure or ProtocolViolationError(
                f"cannot tell how {self.argv[0]!r} ended: the host did not say"
            )
            raise CommandLostError(self.session_id, str(cause), result.output) from cause
        return result

    async def end(self, grace_s: float | None) -> None:
        """End it with all that it started. What it wrote until then can still be taken.

        Args:
            grace_s: Between TERM and KILL; 0: KILL at once. `None`: what the host gives.

        Raises:
            ProcessSurvivedError: Some of it became another user's, whom the host cannot end.
            UnsupportedError: The host knows no grace; nothing was done.
        """
        try:
            await self._process.terminate(grace_s=grace_s)
            await self.wait(self._loop.time() + EXIT_GRACE_S)
        except (SessionLostError, ConnectionLostError, ClientClosedError):
            pass  # The host ends what belonged to the session.
        await self._process.close()

    async def forget(self) -> None:
        """Follow it no more, and kill it if it runs. What it left in the background goes on."""
        await self._process.close()
