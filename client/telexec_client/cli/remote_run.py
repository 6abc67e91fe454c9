"""`telexec run`: one remote process, with the caller's terminal, pipes and signals as its own."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from typing import cast

from telexec_client import Client, Process, TelexecError, connect
from telexec_client.cli.environment import policy_choice
from telexec_client.cli.errors import CommandError
from telexec_client.cli.exit_codes import BROKEN_PIPE, OWN_FAILURE, TIMED_OUT, killed_by
from telexec_client.cli.failures import exit_code_of
from telexec_client.cli.host_directory import host_directory
from telexec_client.cli.keys import Keys
from telexec_client.cli.message import say
from telexec_client.cli.report import Report
from telexec_client.cli.request import RunRequest
from telexec_client.cli.shown_output import OutputUnwritableError, ShownOutput
from telexec_client.cli.signals import CallerSignals
from telexec_client.cli.stdin import STDIN, StdinSource, forward_stdin, is_forwarded
from telexec_client.cli.terminal import RawMode, terminal_size
from telexec_client.completed import PartialProcess
from telexec_client.errors import ProcessTimeoutError
from telexec_schemas.process import EndReason


class StdinUnforwardableError(CommandError):
    """Stdin would be forwarded, and the host knows no end of input."""

    def __init__(self) -> None:
        super().__init__(
            "cannot forward standard input: this host cannot be told where it ends; "
            "use -n to run without it"
        )


def run_to_the_end(request: RunRequest) -> int:
    """Do what `request` asks and return the exit code to end with; a failure is said on stderr."""
    return asyncio.run(_run(request))


async def _run(request: RunRequest) -> int:
    report = Report()
    begun_s = time.monotonic()
    try:
        exit_code = await _run_under_signals(request, report)
    except (TelexecError, CommandError) as error:
        if isinstance(error, OutputUnwritableError) and error.is_unread:
            return BROKEN_PIPE
        report.error = error
        say(error)
        exit_code = exit_code_of(error)
    report.duration_s = time.monotonic() - begun_s
    if request.as_json:
        try:
            await ShownOutput().write(report.to_json().encode() + b"\n")
        except OutputUnwritableError as error:
            if error.is_unread:
                return BROKEN_PIPE
            say(error)
            return OWN_FAILURE
    return exit_code


async def _run_under_signals(request: RunRequest, report: Report) -> int:
    task = asyncio.current_task()
    assert task is not None
    raw_mode = RawMode(STDIN)
    with CallerSignals(task, at_leaving=raw_mode.restore) as signals:
        try:
            exit_code = await _run_on_host(request, report, signals, raw_mode)
        except asyncio.CancelledError:
            # Only a signal of the caller cancels the command: this is the end that it asked for.
            if signals.ended_by is None:
                raise
            exit_code = OWN_FAILURE
        finally:
            raw_mode.restore()
        return exit_code if signals.ended_by is None else killed_by(signals.ended_by)


async def _run_on_host(
    request: RunRequest, report: Report, signals: CallerSignals, raw_mode: RawMode
) -> int:
    target = request.target
    async with connect(
        target.url,
        token_file=target.token_file,
        ca_file=target.ca_file,
        on_disconnect=request.on_disconnect,
    ) as client:
        _check_stdin(client, request)
        follows_size = request.terminal and _can_resize(client)
        if follows_size:
            signals.watch_size()
        async with client.start(
            request.argv,
            env=request.environment.env,
            env_policy=policy_choice(request.environment),
            env_profile=request.environment.profile,
            unset=request.environment.unset,
            cwd=host_directory(client, request.directory),
            tty=request.terminal,
            size=terminal_size() if follows_size else None,
            stdin=is_forwarded(request),
            timeout_s=request.timeout_s,
        ) as process:
            # Before the first output: who sees that may send signals for the process.
            signals.attach()
            if request.terminal and request.interactive and os.isatty(STDIN):
                raw_mode.set()
                keys = Keys(StdinSource(), leave=signals.leave)
                forward = keys.forward
            elif is_forwarded(request):
                forward = forward_stdin
            else:
                forward = None
            completed, is_time_over = await _accompany(process, request, report, signals, forward)
    report.exit_code = completed.exit_code
    report.signal = completed.signal
    report.usage = completed.usage
    # A host that keeps no time does not tell that this was the reason.
    report.reason = EndReason.TIMEOUT if is_time_over else completed.reason
    if is_time_over or completed.exit_code is None:
        return TIMED_OUT
    return completed.exit_code


async def _accompany(
    process: Process,
    request: RunRequest,
    report: Report,
    signals: CallerSignals,
    forward: Callable[[Process], Coroutine[object, object, None]] | None,
) -> tuple[PartialProcess, bool]:
    """Hand on the process's output, pass on input and signals, and return how it ended.

    Returns:
        How it ended, and whether that was because its time was over.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            aside = [tasks.create_task(signals.pass_on(process), name="signals")]
            if forward is not None:
                aside.append(tasks.create_task(forward(process), name="stdin"))
            await (_capture(process, report) if request.as_json else _show(process))
            completed, is_time_over = await _end(process)
            for task in aside:
                task.cancel()
            return completed, is_time_over
    except BaseExceptionGroup as group:
        # All that can fail here fails for one reason, which the first of them tells.
        raise _first(group) from group


async def _end(process: Process) -> tuple[PartialProcess, bool]:
    try:
        return await process.wait(), False
    except ProcessTimeoutError as error:
        return error.completed, True


async def _show(process: Process) -> None:
    shown = ShownOutput()
    async for piece in process.output():
        await shown.write(piece.data, is_error=piece.stream == "stderr")


async def _capture(process: Process, report: Report) -> None:
    async for piece in process.output():
        (report.stderr if piece.stream == "stderr" else report.stdout).add(piece.data)


def _can_resize(client: Client) -> bool:
    return client.extensions is not None and client.extensions.resize


def _check_stdin(client: Client, request: RunRequest) -> None:
    """Refuse to forward stdin to a host that could not be told where it ends.

    Otherwise a remote program that reads to the end of its input would never end.
    """
    can_end = client.extensions is not None and client.extensions.close_stdin
    if is_forwarded(request) and not request.terminal and not can_end:
        raise StdinUnforwardableError


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group, or of the group that it is."""
    first = group.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _first(cast("BaseExceptionGroup[BaseException]", first))
    return first
