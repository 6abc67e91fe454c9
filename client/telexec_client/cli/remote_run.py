"""`telexec run`: one remote process, with the caller's terminal, pipes and signals as its own."""

import asyncio
import os
import time
from collections.abc import Coroutine
from typing import Any

from telexec_client import Client, Process, TelexecError, connect
from telexec_client.cli.accompany import accompany
from telexec_client.cli.attending import show, under_signals
from telexec_client.cli.environment import policy_choice
from telexec_client.cli.errors import CommandError
from telexec_client.cli.exit_codes import BROKEN_PIPE, OWN_FAILURE, TIMED_OUT
from telexec_client.cli.failures import exit_code_of
from telexec_client.cli.host_directory import host_directory
from telexec_client.cli.message import say
from telexec_client.cli.report import Report
from telexec_client.cli.request import RunRequest
from telexec_client.cli.shown_output import OutputUnwritableError, ShownOutput
from telexec_client.cli.signals import CallerSignals, DetachedError
from telexec_client.cli.stdin import STDIN, forward_stdin, is_forwarded
from telexec_client.cli.terminal import CallersTerminal, terminal_size
from telexec_client.completed import PartialProcess
from telexec_client.errors import SessionNameTakenError
from telexec_schemas.process import EndReason


class SessionThereError(CommandError):
    """A session was to be made, and there is one of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"cannot make a session called {name!r}: there is one; telexec attach {name} comes back"
            " to it, or use another --name"
        )


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
    terminal = CallersTerminal()
    if _holds_terminal(request):
        # Most runs do not wait for it to be loaded.
        from telexec_client.cli.held_terminal import HeldTerminal  # noqa: PLC0415

        terminal = HeldTerminal(request.escape, can_detach=request.session is not None)

    async def run(signals: CallerSignals) -> int:
        try:
            return await _run_on_host(request, report, signals, terminal)
        except SessionNameTakenError as error:
            raise SessionThereError(request.session or "") from error

    return await under_signals(terminal, run)


async def _run_on_host(
    request: RunRequest, report: Report, signals: CallerSignals, terminal: CallersTerminal
) -> int:
    target = request.target
    async with connect(
        target.url,
        token_file=target.token_file,
        ca_file=target.ca_file,
        session=request.session,
        on_disconnect=request.on_disconnect,
    ) as client:
        _check_stdin(client, request)
        if request.session is not None and isinstance(request.on_disconnect, float):
            from telexec_client.cli.leaving import warn_if_kept_shorter  # noqa: PLC0415 - likewise

            warn_if_kept_shorter(client, request.session, request.on_disconnect)
        follows_size = request.terminal and _can_resize(client)
        if follows_size:
            signals.watch_size()
        try:
            completed, is_time_over = await _run_process(
                client, request, report, signals, terminal, follows_size=follows_size
            )
        except DetachedError:
            terminal.give_back(at_line_start=True)
            name = request.session
            say(f"left {name} running; telexec attach {name} comes back to it")
            return 0
    report.exit_code = completed.exit_code
    report.signal = completed.signal
    report.usage = completed.usage
    # A host that keeps no time does not tell that this was the reason.
    report.reason = EndReason.TIMEOUT if is_time_over else completed.reason
    if is_time_over or completed.exit_code is None:
        return TIMED_OUT
    return completed.exit_code


async def _run_process(
    client: Client,
    request: RunRequest,
    report: Report,
    signals: CallerSignals,
    terminal: CallersTerminal,
    *,
    follows_size: bool,
) -> tuple[PartialProcess, bool]:
    shell = client.host.shell
    async with client.start(
        request.argv or (shell.path,),
        # Which is how a shell knows that it is a login shell (login(1)).
        arg0=None if request.argv else f"-{shell.name}",
        env=request.environment.env,
        env_policy=policy_choice(request.environment),
        env_profile=request.environment.profile,
        unset=request.environment.unset,
        cwd=host_directory(client, request.directory),
        tty=request.terminal,
        size=terminal_size() if follows_size else None,
        stdin=is_forwarded(request),
        timeout_s=request.timeout_s,
        overflow="pause" if request.session is None else "drop",
    ) as process:
        # Before the first output: who sees that may send signals for the process.
        signals.attach()
        aside: dict[str, Coroutine[Any, Any, None]] = {"signals": signals.pass_on(process)}
        if _holds_terminal(request):
            if not follows_size:
                say("the host cannot set the size of a terminal: it stays at 24 rows of 80 columns")
            if request.session is not None:
                signals.detach_at_hang_up()
            aside |= terminal.hold(client, process, signals)
        elif is_forwarded(request):
            aside["stdin"] = forward_stdin(process)
        handing_on = _capture(process, report) if request.as_json else show(process, terminal)
        try:
            return await accompany(process, handing_on, aside)
        except DetachedError:
            # Before the block ends the process.
            from telexec_client.cli.leaving import leave_process  # noqa: PLC0415 - few runs need it

            await leave_process(client, process, request.target, request.session or "")
            raise


def _holds_terminal(request: RunRequest) -> bool:
    """Return whether the keys that are typed here all go to the process's own terminal."""
    return request.terminal and request.interactive and os.isatty(STDIN)


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
