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
from telexec_client.cli.message import say
from telexec_client.cli.own_output import has_colors, print_text, terminal_width
from telexec_client.cli.process_report import ListedSession, processes_json, processes_text
from telexec_client.cli.request import ListRequest, Target
from telexec_client.cli.session_book import KnownSession, worker_of
from telexec_client.cli.session_client import NoSuchSessionError, explained, session_client
from telexec_client.cli.session_place import place_of
from telexec_client.errors import SessionNotFoundError
from telexec_schemas.session import SessionEntry

MAX_HOSTS_AT_ONCE = 8
"""How many hosts are asked at the same time."""

MAX_ASKED_AT_ONCE = 8
"""How many sessions of one worker of a host are asked for at the same time."""

MAX_WORKERS_AT_ONCE = 8
"""How many workers of one host are asked at the same time."""

NOT_ALL = 1
"""The exit code where a session is not there, or not every host or worker said what it has."""


class WorkersSilentError(CommandError):
    """Some of the workers of a host did not say what they have."""

    def __init__(self, target: Target, workers: Sequence[int]) -> None:
        which = f"worker {workers[0]}" if len(workers) == 1 else "workers " + _listing(workers)
        super().__init__(
            f"cannot list the sessions of {which} of {target.url}: no answer; all others are listed"
        )


class SessionsUnlistedError(CommandError):
    """Sessions that a host has could not be looked into, or not all of them."""

    def __init__(self, target: Target, session_ids: Sequence[str], why: Exception) -> None:
        worker = worker_of(session_ids[0])
        where = f"{target.url}" if worker is None else f"worker {worker} of {target.url}"
        super().__init__(
            f"cannot list what runs in all of the {len(session_ids)} sessions of {where}: {why}"
        )


class TooManySessionsError(CommandError):
    """A host has more sessions than it lists."""

    def __init__(self, target: Target, listed: int) -> None:
        super().__init__(
            f"cannot list all sessions of {target.url}: it says the newest {listed} only"
        )


class _Question(NamedTuple):
    """What to ask a host: about some sessions that are known here, or others, or all."""

    target: Target
    known: Sequence[KnownSession] = ()
    named: Sequence[str] = ()
    is_for_all: bool = False


class _Answers:
    """What the hosts answered so far.

    `failures` are of hosts that could not be asked, `missing` says what others did not answer.
    """

    def __init__(self) -> None:
        self.sessions: list[ListedSession] = []
        self.gone: list[KnownSession] = []
        self.failures: list[Exception] = []
        self.missing: list[Exception] = []


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
    for failure in (*answers.failures, *answers.missing):
        say(failure)
    is_less = answers.failures or answers.missing or (request.sessions and answers.gone)
    exit_code = NOT_ALL if is_less else 0
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
    asked = [*(it.session_id for it in question.known), *question.named]
    return await session_client(question.target, beside=asked[0] if asked else None)


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
    if everything.silent_workers:
        answers.missing.append(WorkersSilentError(target, everything.silent_workers))
    if everything.truncated:
        answers.missing.append(TooManySessionsError(target, len(everything.sessions)))
    slots = asyncio.Semaphore(MAX_WORKERS_AT_ONCE)
    by_worker: dict[int | None, list[SessionEntry]] = {}
    for entry in everything.sessions:
        # Our own is there for this question only.
        if entry.session_id != client.session_id:
            by_worker.setdefault(worker_of(entry.session_id), []).append(entry)

    async def ask(worker: int | None, entries: Sequence[SessionEntry]) -> None:
        async with slots:
            try:
                if worker == worker_of(client.session_id):
                    await _ask_for_each(client, target, entries, answers)
                    return
                beside = entries[0].session_id
                async with session_client(target, beside=beside) as there:
                    await _ask_for_each(there, target, entries, answers)
            except TelexecError as error:
                session_ids = [it.session_id for it in entries]
                why = explained(error, _shown(entries[0]))
                answers.missing.append(SessionsUnlistedError(target, session_ids, why))

    async with asyncio.TaskGroup() as tasks:
        for worker, entries in by_worker.items():
            tasks.create_task(ask(worker, entries), name="worker")


async def _ask_for_each(
    client: Client, target: Target, entries: Sequence[SessionEntry], answers: _Answers
) -> None:
    """Ask for sessions of the worker that the client is at."""
    slots = asyncio.Semaphore(MAX_ASKED_AT_ONCE)
    failures: list[TelexecError] = []

    async def ask(entry: SessionEntry) -> None:
        async with slots:
            if failures:
                return
            try:
                shown = _shown(entry)
                answers.sessions.append(await _listed(client, target, entry.session_id, shown))
            except SessionNotFoundError:
                return  # It has ended since.
            except TelexecError as error:
                failures.append(error)

    async with asyncio.TaskGroup() as tasks:
        for entry in entries:
            tasks.create_task(ask(entry), name="session")
    if failures:
        raise failures[0]


async def _listed(client: Client, target: Target, session: str, shown: str) -> ListedSession:
    listed = await client.processes(session)
    return ListedSession(target, shown, listed.processes, listed.truncated)


def _shown(entry: SessionEntry) -> str:
    return entry.session_id if entry.name is UNSET else entry.name


def _listing(workers: Sequence[int]) -> str:
    return f"{', '.join(map(str, workers[:-1]))} and {workers[-1]}"
