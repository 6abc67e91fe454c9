"""`telexec ps`: what runs in sessions that were left, or in all sessions of a host."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import UNSET

from telexec_client import Client, TelexecError
from telexec_client.cli.errors import CommandError
from telexec_client.cli.exit_codes import OWN_FAILURE
from telexec_client.cli.leaving import forget_sessions, known_sessions, lasting, reason_gone
from telexec_client.cli.looking import open_to_look
from telexec_client.cli.message import say
from telexec_client.cli.own_output import has_colors, print_text, terminal_width
from telexec_client.cli.process_report import ListedSession, processes_json, processes_text
from telexec_client.cli.request import ListRequest, Target
from telexec_client.cli.session_book import KnownSession, worker_of
from telexec_client.cli.session_client import NoSuchSessionError, explained, session_client
from telexec_client.cli.session_place import place_of
from telexec_client.errors import SessionNotFoundError

MAX_HOSTS_AT_ONCE = 8
"""How many hosts are asked at the same time."""

MAX_ASKED_AT_ONCE = 8
"""How many sessions of one host are asked for at the same time."""

NOT_ALL = 1
"""The exit code where a session is not there, or not every host could be asked."""


class _Question(NamedTuple):
    """What to ask a host: about some sessions that are known here, or others, or all."""

    target: Target
    known: Sequence[KnownSession] = ()
    named: Sequence[str] = ()
    is_for_all: bool = False


class _Answers:
    """What the hosts answered so far."""

    def __init__(self) -> None:
        self.sessions: list[ListedSession] = []
        self.gone: list[KnownSession] = []
        self.failures: list[Exception] = []


def list_there(request: ListRequest) -> int:
    """Print the processes that are asked for and return the exit code."""
    return asyncio.run(_list(request))


async def _list(request: ListRequest) -> int:
    try:
        questions = _questions(request)
    except (TelexecError, CommandError) as error:
        say(error)
        return OWN_FAILURE
    answers = _Answers()
    slots = asyncio.Semaphore(MAX_HOSTS_AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        for question in questions:
            tasks.create_task(_ask(question, answers, slots), name="host")
    forget_sessions(answers.gone)
    for failure in answers.failures:
        say(failure)
    exit_code = NOT_ALL if answers.failures or (request.sessions and answers.gone) else 0
    if len(answers.failures) == len(questions) and not all(
        isinstance(it, NoSuchSessionError) for it in answers.failures
    ):
        exit_code = OWN_FAILURE
    sessions = sorted(answers.sessions, key=lambda it: (it.target.url or "", it.session))
    if request.as_json:
        return await print_text(processes_json(sessions), exit_code)
    if not sessions:
        if exit_code == 0:
            say("no sessions: telexec run -d leaves one")
        return exit_code
    now_ms = int(time.time() * 1000)
    width = terminal_width()
    text = processes_text(sessions, now_ms=now_ms, width=width, is_colored=has_colors())
    return await print_text(text, exit_code)


def _questions(request: ListRequest) -> list[_Question]:
    where = request.where._replace(target=lasting(request.where.target))
    asked = where.target
    if request.is_for_all:
        return [_Question(asked, is_for_all=True)]
    book = known_sessions()
    if request.sessions:
        questions: list[_Question] = []
        for session in request.sessions:
            place = place_of(session, book, where)
            if place.known is None:
                questions.append(_Question(place.target, named=(session,)))
            else:
                questions.append(_Question(place.target, known=(place.known,)))
        return questions
    sessions = [it for it in book.sessions if not where.is_named or it.url == asked.url]
    # Over one connection, sessions of one worker can be looked at.
    together: dict[tuple[Target, int | None], list[KnownSession]] = {}
    for it in sessions:
        target = asked if where.is_named else it.target
        together.setdefault((target, worker_of(it.session_id)), []).append(it)
    return [_Question(target, known) for (target, _), known in together.items()]


async def _ask(question: _Question, answers: _Answers, slots: asyncio.Semaphore) -> None:
    """Ask one host; what goes wrong is among the answers."""
    try:
        async with slots:
            client = await _client_for(question)
            try:
                if question.is_for_all:
                    await _ask_for_all(client, question.target, answers)
                for known in question.known:
                    await _ask_for_known(client, known, answers)
                for name in question.named:
                    answers.sessions.append(await _listed(client, question.target, name, name))
            finally:
                await client.close()
    except (TelexecError, CommandError) as error:
        session = question.named[0] if question.named else ""
        if isinstance(error, TelexecError):
            answers.failures.append(explained(error, session))
        else:
            answers.failures.append(error)


async def _client_for(question: _Question) -> Client:
    for known in question.known:
        return await open_to_look(question.target, known.name, known)
    for session in question.named:
        return await open_to_look(question.target, session)
    return await session_client(question.target)


async def _ask_for_known(client: Client, known: KnownSession, answers: _Answers) -> None:
    try:
        listed = await _listed(client, known.target, known.session_id, known.name)
    except SessionNotFoundError:
        say(f"forgot session {known.name} of {known.url}: {reason_gone(known, client)}")
        answers.gone.append(known)
        return
    answers.sessions.append(listed)


async def _ask_for_all(client: Client, target: Target, answers: _Answers) -> None:
    everything = await client.sessions()
    slots = asyncio.Semaphore(MAX_ASKED_AT_ONCE)

    async def ask(session_id: str, name: str) -> None:
        async with slots:
            try:
                answers.sessions.append(await _listed(client, target, session_id, name))
            except SessionNotFoundError:
                return  # It has ended since.

    async with asyncio.TaskGroup() as tasks:
        for entry in everything.sessions:
            # Our own is there for this question only.
            if entry.session_id != client.session_id:
                name = entry.session_id if entry.name is UNSET else entry.name
                tasks.create_task(ask(entry.session_id, name), name="session")


async def _listed(client: Client, target: Target, session: str, shown: str) -> ListedSession:
    listed = await client.processes(session)
    return ListedSession(target, shown, listed.processes, listed.truncated)
