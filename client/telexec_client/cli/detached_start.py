"""`telexec run -d`: a process in a named session, which goes on when telexec has left."""

import asyncio
import json
import os
import re
import secrets
import time

from telexec_client import Client, Process, TelexecError
from telexec_client.cli.attending import under_signals
from telexec_client.cli.environment import policy_choice
from telexec_client.cli.errors import CommandError
from telexec_client.cli.exit_codes import OWN_FAILURE
from telexec_client.cli.failures import exit_code_of
from telexec_client.cli.host_directory import host_directory
from telexec_client.cli.leaving import (
    lasting,
    leave_process,
    note_session,
    warn_if_kept_shorter,
)
from telexec_client.cli.message import say
from telexec_client.cli.own_output import print_text
from telexec_client.cli.process_name import MAX_SESSION_CHARS, checked_session_name, short_id
from telexec_client.cli.request import DEFAULT_KEEP_S, DetachRequest, RunRequest, Target
from telexec_client.cli.session_client import explained, session_client
from telexec_client.cli.signals import CallerSignals
from telexec_client.cli.terminal import CallersTerminal, terminal_size
from telexec_client.errors import SessionInUseError, SessionNameTakenError, SessionNotFoundError

BUSY_TIMEOUT_S = 3.0
"""How long to wait for a session that another client has: others like us have it for a moment."""

_BUSY_DELAY_S = 0.1
_SUFFIX_BYTES = 2
_WHEN_BUSY = "wait until it has left, or use another --name"


def start_and_leave(request: DetachRequest) -> int:
    """Start what is asked for, print its name and return the exit code."""
    return asyncio.run(_start_and_leave(request))


async def _start_and_leave(request: DetachRequest) -> int:
    async def attend(signals: CallerSignals) -> int:
        # What was asked for may be under way already, and then has to be ended or named.
        signals.finish_first()
        return await _start_unless_ended(request, signals)

    try:
        return await under_signals(CallersTerminal(), attend)
    except (TelexecError, CommandError) as error:
        say(error)
        return exit_code_of(error)


async def _start_unless_ended(request: DetachRequest, signals: CallerSignals) -> int:
    name = _new_name(request.run.argv[0])
    if request.session is not None:
        name = checked_session_name(request.session)
    target = lasting(request.run.target)
    client, is_new = await _open(target, name, request.keep_s)
    process: Process | None = None
    try:
        if signals.ended_by is None:
            process = await _start_or_undo(client, request.run, signals)
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError):
            # The host did not say in time what became of it.
            note_session(client, target, name)
            say(f"cannot tell whether it runs in {name}: no answer; telexec ps {name} shows it")
        await _leave(client, is_new=is_new)
        raise
    if process is None:
        await _leave(client, is_new=is_new)
        return OWN_FAILURE
    try:
        await leave_process(client, process, target, name)
        warn_if_kept_shorter(client, name, request.keep_s or (DEFAULT_KEEP_S if is_new else 0))
    finally:
        # It goes on, whatever becomes of us.
        answer = _answer(client, process, name, as_json=request.run.as_json)
        exit_code = await print_text(answer)
    return exit_code


async def _start_or_undo(
    client: Client, request: RunRequest, signals: CallerSignals
) -> Process | None:
    """Start what is asked for; None: the caller wants no more of it, and it was ended."""
    process = await _start(client, request)
    if signals.ended_by is None:
        return process
    # Nobody else would ever know its name.
    await process.terminate(grace_s=0)
    return None


async def _leave(client: Client, *, is_new: bool) -> None:
    # A session that was there before is not ours to end.
    await (client.close() if is_new else client.detach())


async def _open(target: Target, name: str, keep_s: float | None) -> tuple[Client, bool]:
    """Make the session of a name, or take up the one that there is; return whether it is new."""
    give_up_at = time.monotonic() + BUSY_TIMEOUT_S
    try:
        while True:
            try:
                wanted_s = keep_s or DEFAULT_KEEP_S
                return await session_client(target, session=name, on_disconnect=wanted_s), True
            except SessionNameTakenError:
                pass
            try:
                resumed = session_client(target, session=name, mode="resume", on_disconnect=keep_s)
                return await resumed, False
            except (SessionInUseError, SessionNotFoundError) as error:
                # It is somebody's, or ended in between.
                if time.monotonic() >= give_up_at:
                    raise explained(error, name, when_busy=_WHEN_BUSY) from error
            await asyncio.sleep(_BUSY_DELAY_S)
    except TelexecError as error:
        raise explained(error, name, when_busy=_WHEN_BUSY) from error


async def _start(client: Client, request: RunRequest) -> Process:
    can_resize = client.extensions is not None and client.extensions.resize
    environment = request.environment
    return await client.start(
        request.argv,
        env=environment.env,
        env_policy=policy_choice(environment),
        env_profile=environment.profile,
        unset=environment.unset,
        cwd=host_directory(client, request.directory),
        tty=request.terminal,
        size=terminal_size() if request.terminal and can_resize else None,
        stdin=request.interactive,
        timeout_s=request.timeout_s,
        # Nobody reads for long times, in which it is not to wait.
        overflow="drop",
    )


def _answer(client: Client, process: Process, name: str, *, as_json: bool) -> str:
    if not as_json:
        return f"{name}/{short_id(process.process_id)}\n"
    return (
        json.dumps(
            {
                "session": name,
                "process": process.process_id,
                "pid": process.pid,
                "sessionId": client.session_id,
                "leaseMs": round(client.lease_s * 1000),
            }
        )
        + "\n"
    )


def _new_name(program: str) -> str:
    """Return a name for a session that says what runs in it, and that nobody has."""
    suffix = f"-{secrets.token_hex(_SUFFIX_BYTES)}"
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(program)).strip("-._")
    return (stem or "run")[: MAX_SESSION_CHARS - len(suffix)] + suffix
