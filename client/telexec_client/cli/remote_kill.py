"""`telexec kill`: ending or signalling processes of sessions, or sessions as a whole."""

import asyncio
from collections.abc import Sequence

from telexec_client import Client, TelexecError
from telexec_client.cli.errors import CommandError
from telexec_client.cli.exit_codes import OWN_FAILURE
from telexec_client.cli.leaving import forget_sessions, found_place, note_session, why_not_there
from telexec_client.cli.message import say
from telexec_client.cli.process_name import (
    InvalidProcessNameError,
    NoSuchProcessError,
    ProcessName,
    chosen,
    full_name,
    parse_process_name,
)
from telexec_client.cli.request import KillRequest
from telexec_client.cli.session_client import NoSuchSessionError, session_client
from telexec_client.core.session_wish import SessionMode
from telexec_client.errors import ProcessNotFoundError
from telexec_schemas.attachment import ProcessEntry

NOT_ALL = 1
"""The exit code where something that was named is not there."""

MAX_AT_ONCE = 8
"""How many processes of a session are ended at the same time."""


def kill_there(request: KillRequest) -> int:
    """End or signal what is asked for and return the exit code."""
    return asyncio.run(_kill(request))


async def _kill(request: KillRequest) -> int:
    try:
        names = [_parsed(text, request) for text in request.names]
    except CommandError as error:
        say(error)
        return OWN_FAILURE
    exit_code = 0
    for session in dict.fromkeys(it.session for it in names):
        here = [it for it in names if it.session == session]
        try:
            exit_code = max(exit_code, await _kill_in(session, here, request))
        except (TelexecError, CommandError) as error:
            say(error)
            is_missing = isinstance(error, NoSuchSessionError)
            exit_code = max(exit_code, NOT_ALL if is_missing else OWN_FAILURE)
    return exit_code


def _parsed(text: str, request: KillRequest) -> ProcessName:
    name = parse_process_name(text)
    if request.is_for_sessions and name.process is not None:
        raise InvalidProcessNameError(text)
    return name


async def _kill_in(session: str, names: Sequence[ProcessName], request: KillRequest) -> int:
    """End or signal processes of one session, or that session; return the exit code."""
    place = found_place(session, request.where)
    mode: SessionMode = "take_over" if request.take_over else "resume"
    try:
        client = await session_client(place.target, session=session, mode=mode)
    except TelexecError as error:
        raise why_not_there(error, session, place.known) from error
    try:
        entries = (await client.processes()).processes
        if request.is_for_sessions:
            await _act(client, session, entries, None)
            await client.close()
            if place.known is not None:
                forget_sessions([place.known])
            return 0
        meant, exit_code = _meant(names, entries)
        failed = await _act(client, session, meant, request.signal)
        if place.known is not None:
            note_session(client, place.target, place.known.name)
        return max(exit_code, failed)
    finally:
        await client.detach()


def _meant(
    names: Sequence[ProcessName], entries: Sequence[ProcessEntry]
) -> tuple[list[ProcessEntry], int]:
    """Return the processes that are named, and the exit code for those that are not there."""
    meant: dict[str, ProcessEntry] = {}
    exit_code = 0
    for name in names:
        try:
            entry = chosen(name, entries)
        except CommandError as error:
            say(error)
            is_missing = isinstance(error, NoSuchProcessError)
            exit_code = max(exit_code, NOT_ALL if is_missing else OWN_FAILURE)
        else:
            meant[entry.process_id] = entry
    return list(meant.values()), exit_code


async def _act(
    client: Client, session: str, entries: Sequence[ProcessEntry], signal: str | None
) -> int:
    """End processes with their trees, or signal them; return the exit code."""
    slots = asyncio.Semaphore(MAX_AT_ONCE)
    failed: list[Exception] = []

    async def act(entry: ProcessEntry) -> None:
        async with slots:
            try:
                # Nothing of its output is wanted: only what comes from now on would be sent.
                async with client.attach(
                    entry.process_id, after_seq=entry.next_seq - 1, after_bytes=entry.output_bytes
                ) as process:
                    if signal is None:
                        await process.terminate()
                    else:
                        await process.signal(signal)
            except ProcessNotFoundError:
                failed.append(NoSuchProcessError(ProcessName(session, entry.process_id)))
            except TelexecError as error:
                failed.append(error)

    async with asyncio.TaskGroup() as tasks:
        for entry in entries:
            tasks.create_task(act(entry), name=f"kill {full_name(session, entry)}")
    for error in failed:
        say(error)
    if not failed:
        return 0
    return NOT_ALL if all(isinstance(it, NoSuchProcessError) for it in failed) else OWN_FAILURE
