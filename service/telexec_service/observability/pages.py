"""What the service answers to those who watch it."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from telexec_service import __version__
from telexec_service.core import totals
from telexec_service.core.admission import Page
from telexec_service.core.counters import Counters
from telexec_service.observability.numbers import Numbers
from telexec_service.observability.own_process import OwnProcess, read_own_process
from telexec_service.observability.population import Population

Reply = Callable[[str, bytes], None]
"""Takes a content type and a content."""

_EXPOSITION = "telexec_service.observability.exposition"


class Pages:
    """Makes pages from the numbers of the moment.

    Args:
        counters: What is counted all the time.
        count: Counts the rest.
        tasks: Owns what is not answered at once.
        add_up: Returns the numbers of all workers together; None: there is only this one.
    """

    def __init__(
        self,
        counters: Counters,
        count: Callable[[], Population],
        tasks: asyncio.TaskGroup,
        add_up: Callable[[], Awaitable[Numbers]] | None,
    ) -> None:
        self._counters = counters
        self._count = count
        self._tasks = tasks
        self._add_up = add_up
        self._exposition: Any = None

    def serve(self, page: Page, accept: str, reply: Reply) -> None:
        """Make a page and reply with it, now or a little later.

        Args:
            page: Which.
            accept: The request's `Accept` header, or nothing.
            reply: Called once.
        """
        if page is Page.BRIEF_HEALTH:
            reply("application/json", _health(self._count(), is_brief=True))
        elif self._add_up is not None:
            self._tasks.create_task(self._serve_all(page, accept, reply), name="all numbers")
        elif page is not Page.METRICS:
            reply("application/json", _health(self._count(), is_brief=False))
        elif self._exposition is None:
            self._tasks.create_task(self._load_then_reply(accept, reply), name="first metrics")
        else:
            reply(*self._metrics(accept))

    def numbers(self) -> Numbers:
        """Return the numbers of this process alone."""
        return Numbers(totals.to_plain(self._counters), self._count(), read_own_process())

    async def _serve_all(self, page: Page, accept: str, reply: Reply) -> None:
        if self._add_up is None:
            raise RuntimeError("the numbers of several workers were wanted where there are none")
        numbers = await self._add_up()
        if page is Page.HEALTH:
            reply("application/json", _health(numbers.population, is_brief=False))
            return
        await self._load()
        counters = totals.from_plain(numbers.counters)
        reply(*self._render(counters, numbers.population, accept, numbers.process))

    async def _load_then_reply(self, accept: str, reply: Reply) -> None:
        await self._load()
        reply(*self._metrics(accept))

    async def _load(self) -> None:
        if self._exposition is None:
            # In a thread: it takes a twentieth of a second, in which nobody else should wait.
            self._exposition = await asyncio.to_thread(importlib.import_module, _EXPOSITION)

    def _metrics(self, accept: str) -> tuple[str, bytes]:
        return self._render(self._counters, self._count(), accept, None)

    def _render(
        self, counters: Counters, population: Population, accept: str, process: OwnProcess | None
    ) -> tuple[str, bytes]:
        rendered: tuple[str, bytes] = self._exposition.render_metrics(
            counters, population, accept, process
        )
        return rendered


def _health(now: Population, *, is_brief: bool) -> bytes:
    health: dict[str, object] = {"status": "ok" if now.is_ready else "draining"}
    if not is_brief:
        health |= {
            "version": __version__,
            "uptime_s": round(now.uptime_s, 1),
            "connections": now.connections,
            "sessions": now.sessions_attached + now.sessions_detached,
            "processes": now.processes_running,
        }
    return msgspec.json.encode(health) + b"\n"
