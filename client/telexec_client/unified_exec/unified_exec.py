"""Unified exec: what an agent needs of a host, in two calls."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from telexec_client.client import Client
from telexec_client.environment import (
    HOST_POLICY,
    UNIFIED_EXEC,
    EnvironmentDelta,
    PolicyChoice,
)
from telexec_client.errors import (
    ClientClosedError,
    CommandsExhaustedError,
    ConnectionLostError,
    InputTooLargeError,
    ProcessNotFoundError,
    SessionLostError,
    SessionUnknownError,
    StdinClosedError,
    TelexecError,
    ToolArgumentsError,
    UnifiedExecClosedError,
)
from telexec_client.process import Process
from telexec_client.unified_exec.command import WRITE_REACTION_S, RunningCommand
from telexec_client.unified_exec.core.arguments import (
    ToolArguments,
    WriteStdinArguments,
    decode_arguments,
)
from telexec_client.unified_exec.core.bounds import (
    MAX_COMMANDS,
    MAX_INPUT_BYTES,
    MAX_OUTPUT_TOKENS,
    clamp_exec_yield_ms,
    clamp_output_tokens,
    clamp_write_yield_ms,
)
from telexec_client.unified_exec.core.pruning import choose_to_prune
from telexec_client.unified_exec.core.result import CommandResult, failure_text, tool_text
from telexec_client.unified_exec.core.shell import command_argv, working_directory
from telexec_client.unified_exec.entry import CommandEntry
from telexec_client.unified_exec.session_ids import SessionIds
from telexec_schemas.file_uri import uri_to_path

NO_DELTA = EnvironmentDelta()
"""Nothing is changed."""


class UnifiedExec:
    """Runs commands for an agent, of which some go on from one call to the next.

    All of it happens on the event loop that it was made on. Calls may run at once; two for the
    same command take turns. A call that is cancelled leaves its command running and its output for
    the next call. Leaving an `async with` is `close`.

    Args:
        client: Stays the caller's, and has to be open for as long as this is.
        environment: Laid over `base_environment`; where they disagree it counts. `thread_ids` makes
            one that says on whose behalf commands run.
        base_environment: For plain output; another one for a host that does not take all of it.
        env_policy: See `Client.start`.
        env_profile: See `Client.start`.
        workdir: Where commands run that do not say, and what relative directories are relative to;
            `None`: the host's own.
        output_tokens_limit: The most output that a call returns, whatever it asks for.
    """

    def __init__(
        self,
        client: Client,
        *,
        environment: EnvironmentDelta = NO_DELTA,
        base_environment: EnvironmentDelta = UNIFIED_EXEC,
        env_policy: PolicyChoice = HOST_POLICY,
        env_profile: str | None = None,
        workdir: str | None = None,
        output_tokens_limit: int = MAX_OUTPUT_TOKENS,
    ) -> None:
        self._client = client
        self._environment = base_environment | environment
        self._env_policy = env_policy
        self._env_profile = env_profile
        host_directory = uri_to_path(client.host.cwd)
        self._workdir = working_directory(workdir, host_directory)
        self._output_tokens_limit = output_tokens_limit
        self._commands: dict[int, RunningCommand] = {}
        self._session_ids = SessionIds()
        self._starting = 0
        self._none_starts = asyncio.Event()
        self._none_starts.set()
        self._is_closed = False

    async def exec_command(
        self,
        cmd: str | None = None,
        *,
        argv: Sequence[str] | None = None,
        workdir: str | None = None,
        shell: str | None = None,
        login: bool = True,
        tty: bool = False,
        yield_time_ms: int | None = None,
        max_output_tokens: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> CommandResult:
        """Run a command; return at its end, or after the yield time with what there is by then.

        When there are `MAX_COMMANDS` already, one of them is killed: see `choose_to_prune`.

        Args:
            cmd: A line for the shell.
            argv: A program and its arguments in the place of `cmd`, without a shell.
            workdir: Where to run it, on the host.
            shell: The shell for `cmd`; `None`: the one that the host says is its own.
            login: Whether that is a login shell, which reads the profile of its user.
            tty: Give it a terminal, and so an input.
            yield_time_ms: How long to wait for its end, 250 to 30,000; what is outside of that is
                brought within. `None`: 10,000.
            max_output_tokens: How much output to return, in tokens of 4 bytes; `None`: 10,000.
            env: Variables for this command, laid over all others.

        Raises:
            CommandLineError: There is nothing to run.
            CommandsExhaustedError: There are too many, and all are being waited for.
            CommandLostError: It was started, and cannot be followed any more.
            StartError: It cannot be started; there are kinds of it.
            SessionLostError: The host cannot be reached any more.
            UnifiedExecClosedError: This is closed.
        """
        wanted = command_argv(
            cmd, argv, shell=shell, login=login, host_shell=self._client.host.shell.path
        )
        began_s = self._now_s()
        wait_s = clamp_exec_yield_ms(yield_time_ms) / 1000
        directory = working_directory(workdir, self._workdir)
        command = await self._start(wanted, directory, tty=tty, env=env or {})
        async with command.turn:
            return await self._answer(
                command, began_s, self._now_s() + wait_s, max_output_tokens=max_output_tokens
            )

    async def write_stdin(
        self,
        session_id: int,
        chars: str = "",
        *,
        yield_time_ms: int | None = None,
        max_output_tokens: int | None = None,
    ) -> CommandResult:
        """Write to a command, or only look (a poll); return at its end, or after the yield time.

        Args:
            session_id: What `exec_command` called it.
            chars: What to write, control characters too: `chr(3)` is ^C, `chr(4)` is ^D. A command
                without a terminal takes ^C only. Empty: nothing is written.
            yield_time_ms: How long to wait for output afterwards, 250 to 30,000; `None`: 250. A
                poll waits for the end only, 5,000 to 300,000.
            max_output_tokens: See `exec_command`.

        Raises:
            SessionUnknownError: There is no such command: it never was, or its end was told.
            ToolArgumentsError: `chars` is not Unicode text.
            TerminalMissingError: The command has no terminal.
            InputTooLargeError: That is more than `MAX_INPUT_BYTES`.
            InputStalledError: The command does not read its input.
            CommandLostError: The command cannot be followed any more.
            UnifiedExecClosedError: This is closed.
        """
        command = self._find(session_id)
        try:
            data = chars.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise ToolArgumentsError("write_stdin", "chars is not Unicode text") from error
        if len(data) > MAX_INPUT_BYTES:
            raise InputTooLargeError(session_id, len(data), MAX_INPUT_BYTES)
        wait_s = clamp_write_yield_ms(yield_time_ms, is_poll=not data) / 1000
        async with command.turn:
            # Who had the turn before may have told its end.
            self._find(session_id)
            command.use()
            began_s = self._now_s()
            if data:
                await self._write(command, data)
                wait_s += WRITE_REACTION_S
            return await self._answer(
                command, began_s, self._now_s() + wait_s, max_output_tokens=max_output_tokens
            )

    async def call(self, tool: str, arguments: str | bytes) -> str:
        """Do what a model asks for, and return the text to give it, also for what went wrong.

        Args:
            tool: `exec_command` or `write_stdin`.
            arguments: A JSON object, as `tool_schemas` describes it.

        Raises:
            SessionLostError: The host cannot be reached any more: no call can be done again.
            ConnectionLostError: The connection broke while a command was started.
            ClientClosedError: The client is closed.
            UnifiedExecClosedError: This is closed.
        """
        try:
            result = await self._call(decode_arguments(tool, arguments))
        except (
            SessionLostError,
            ConnectionLostError,
            ClientClosedError,
            UnifiedExecClosedError,
        ):
            raise
        except TelexecError as error:
            return failure_text(tool, error)
        return tool_text(result)

    def list(self) -> tuple[CommandEntry, ...]:
        """Return the commands that run and those whose end was not told yet, the oldest first."""
        now_s = self._now_s()
        return tuple(
            CommandEntry(
                session_id=command.session_id,
                argv=command.argv,
                workdir=command.workdir,
                tty=command.tty,
                pid=command.pid,
                exit_code=command.exit_code,
                age_s=now_s - command.started_s,
                idle_s=now_s - command.last_used_s,
                unread_bytes=command.unread_bytes,
            )
            for command in self._commands.values()
        )

    async def terminate(
        self,
        session_id: int,
        *,
        grace_s: float | None = None,
        max_output_tokens: int | None = None,
    ) -> CommandResult:
        """End a command with all that it started, and return the last of it.

        A call that waits for the command gets the last of it instead.

        Args:
            session_id: What `exec_command` called it.
            grace_s: Between TERM and KILL; 0: KILL at once. `None`: what the host gives.
            max_output_tokens: See `exec_command`.

        Raises:
            SessionUnknownError: There is no such command.
            ProcessSurvivedError: Some of it became another user's, whom the host cannot end.
            CommandLostError: The command cannot be followed any more.
            UnsupportedError: The host knows no grace; nothing was done.
        """
        command = self._find(session_id)
        began_s = self._now_s()
        await command.end(grace_s)
        async with command.turn:
            return await self._answer(
                command, began_s, self._now_s(), max_output_tokens=max_output_tokens
            )

    async def close(self, *, grace_s: float | None = None) -> None:
        """End all commands with all that they started, and take no more calls. Idempotent.

        Calls that wait get the last of their command.

        Args:
            grace_s: See `terminate`.

        Raises:
            ProcessSurvivedError: Some of it became another user's, whom the host cannot end.
            UnsupportedError: The host knows no grace; all were killed.
        """
        self._is_closed = True
        # What is being started now ends itself; the client gives up a host that is not there.
        await self._none_starts.wait()
        failures: list[TelexecError] = []

        async def end(command: RunningCommand) -> None:
            try:
                try:
                    await command.end(grace_s)
                finally:
                    await command.forget()
            except TelexecError as error:
                # The others are to be ended all the same.
                failures.append(error)
            self._commands.pop(command.session_id, None)

        async with asyncio.TaskGroup() as tasks:
            for command in list(self._commands.values()):
                tasks.create_task(end(command), name=f"ending command {command.session_id}")
        if failures:
            raise failures[0]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(self, wanted: ToolArguments) -> CommandResult:
        if isinstance(wanted, WriteStdinArguments):
            return await self.write_stdin(
                wanted.session_id,
                wanted.chars or "",
                yield_time_ms=wanted.yield_time_ms,
                max_output_tokens=wanted.max_output_tokens,
            )
        return await self.exec_command(
            wanted.cmd,
            workdir=wanted.workdir,
            shell=wanted.shell,
            login=wanted.login is not False,
            tty=wanted.tty is True,
            yield_time_ms=wanted.yield_time_ms,
            max_output_tokens=wanted.max_output_tokens,
        )

    async def _start(
        self, argv: Sequence[str], workdir: str, *, tty: bool, env: Mapping[str, str]
    ) -> RunningCommand:
        pruned = self._make_room()
        self._starting += 1
        self._none_starts.clear()
        try:
            if pruned is not None:
                await pruned.forget()
            process = await self._start_process(argv, workdir, tty=tty, env=env)
            if self._is_closed:
                await process.close()
                raise UnifiedExecClosedError
        finally:
            self._starting -= 1
            if self._starting == 0:
                self._none_starts.set()
        session_id = self._session_ids.next(self._commands)
        command = RunningCommand(session_id, process, argv=argv, workdir=workdir, tty=tty)
        self._commands[session_id] = command
        return command

    async def _start_process(
        self, argv: Sequence[str], workdir: str, *, tty: bool, env: Mapping[str, str]
    ) -> Process:
        delta = self._environment | EnvironmentDelta(env)
        return await self._client.start(
            argv,
            env=delta.variables,
            unset=delta.unset,
            env_policy=self._env_policy,
            env_profile=self._env_profile,
            cwd=workdir,
            tty=tty,
        )

    def _make_room(self) -> RunningCommand | None:
        """Take a command out if there are too many, and return it to be ended."""
        if self._is_closed:
            raise UnifiedExecClosedError
        if len(self._commands) + self._starting < MAX_COMMANDS:
            return None
        session_id = choose_to_prune([command.candidate for command in self._commands.values()])
        if session_id is None:
            raise CommandsExhaustedError(MAX_COMMANDS)
        return self._commands.pop(session_id)

    async def _write(self, command: RunningCommand, data: bytes) -> None:
        try:
            await command.write(data)
        except (StdinClosedError, ProcessNotFoundError, SessionLostError):
            # It has ended, or is about to: then that is what the result tells.
            await command.wait(self._now_s() + WRITE_REACTION_S)
            if not command.has_ended:
                raise

    async def _answer(
        self,
        command: RunningCommand,
        began_s: float,
        deadline_s: float,
        *,
        max_output_tokens: int | None,
    ) -> CommandResult:
        await command.wait(deadline_s)
        max_tokens = clamp_output_tokens(max_output_tokens, self._output_tokens_limit)
        has_ended = command.has_ended
        # From here on nothing waits: what is taken out is returned, or told by an error.
        try:
            return command.take(max_tokens=max_tokens, wall_time_s=self._now_s() - began_s)
        finally:
            if has_ended:
                self._commands.pop(command.session_id, None)
                await command.forget()

    def _find(self, session_id: int) -> RunningCommand:
        if self._is_closed:
            raise UnifiedExecClosedError
        command = self._commands.get(session_id)
        if command is None:
            raise SessionUnknownError(session_id, self._commands)
        return command

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
