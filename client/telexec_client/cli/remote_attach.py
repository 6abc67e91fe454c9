"""`telexec attach`: a process that runs in a session, with the caller's terminal as its own."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

from telexec_client import Client, Process, TelexecError
from telexec_client.cli.accompany import accompany
from telexec_client.cli.attending import show, under_signals
from telexec_client.cli.errors import CommandError
from telexec_client.cli.exit_codes import BROKEN_PIPE, TIMED_OUT
from telexec_client.cli.failures import exit_code_of
from telexec_client.cli.held_terminal import HeldTerminal
from telexec_client.cli.leaving import found_place, leave_process, why_not_there
from telexec_client.cli.message import say
from telexec_client.cli.process_name import chosen, full_name, parse_process_name
from telexec_client.cli.request import AttachRequest
from telexec_client.cli.session_client import session_client
from telexec_client.cli.shown_output import OutputUnwritableError
from telexec_client.cli.signals import CallerSignals, DetachedError
from telexec_client.cli.stdin import STDIN, forward_stdin, is_piped
from telexec_client.cli.terminal import terminal_size
from telexec_client.core.session_wish import SessionMode

_STDOUT = 1


def attach_there(request: AttachRequest) -> int:
    """Follow the process that is asked for, and return the exit code to end with."""
    return asyncio.run(_attach(request))


async def _attach(request: AttachRequest) -> int:
    terminal = HeldTerminal(request.escape, can_detach=True)

    async def attend(signals: CallerSignals) -> int:
        return await _attach_in_session(request, signals, terminal)

    try:
        return await under_signals(terminal, attend)
    except (TelexecError, CommandError) as error:
        if isinstance(error, OutputUnwritableError) and error.is_unread:
            return BROKEN_PIPE
        say(error)
        return exit_code_of(error)


async def _attach_in_session(
    request: AttachRequest, signals: CallerSignals, terminal: HeldTerminal
) -> int:
    name = parse_process_name(request.process)
    place = found_place(name.session, request.where)
    mode: SessionMode = "take_over" if request.take_over else "resume"
    try:
        client = await session_client(place.target, session=name.session, mode=mode)
    except TelexecError as error:
        raise why_not_there(error, name.session, place.known) from error
    try:
        entry = chosen(name, (await client.processes()).processes)
        called = full_name(name.session if place.known is None else place.known.name, entry)
        async with client.attach(entry.process_id) as process:
            try:
                exit_code = await _follow(
                    client, process, request, signals, terminal, has_terminal=entry.tty
                )
            except DetachedError:
                terminal.give_back(at_line_start=True)
                say(f"left {called} running; telexec attach {called} comes back to it")
                exit_code = 0
            await leave_process(client, process, place.target, called.partition("/")[0])
            return exit_code
    finally:
        # The session is the host's, whatever becomes of us.
        await client.detach()


async def _follow(
    client: Client,
    process: Process,
    request: AttachRequest,
    signals: CallerSignals,
    terminal: HeldTerminal,
    *,
    has_terminal: bool,
) -> int:
    """Follow a process to its end and return its exit code; `has_terminal`: it runs on a PTY."""
    signals.attach()
    signals.detach_at_hang_up()
    if has_terminal and os.isatty(_STDOUT):
        if client.extensions is not None and client.extensions.resize:
            await process.resize(terminal_size())
        signals.watch_size()
    aside: dict[str, Coroutine[Any, Any, None]] = {"signals": signals.pass_on(process)}
    if not request.no_stdin and os.isatty(STDIN) and has_terminal:
        aside |= terminal.hold(client, process, signals)
    elif not request.no_stdin and (is_piped() or os.isatty(STDIN)):
        aside["stdin"] = forward_stdin(process)
    completed, is_time_over = await accompany(process, show(process, terminal), aside)
    if is_time_over or completed.exit_code is None:
        return TIMED_OUT
    return completed.exit_code
