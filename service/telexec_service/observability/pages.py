"""What the service answers to those who watch it."""

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

import msgspec

from telexec_service import __version__
from telexec_service.core.admission import Page
from telexec_service.core.counters import Counters
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
    """

    def __init__(
        self, counters: Counters, count: Callable[[], Population], tasks: asyncio.TaskGroup
    ) -> None:
        self._counters = counters
        self._count = count
        self._tasks = tasks
        self._exposition: Any = None

    def serve(self, page: Page, accept: str, reply: Reply) -> None:
        """Make a page and reply with it, now or a little later.

        Args:
            page: Which.
            accept: The request's `Accept` header, or nothing.
            reply: Called once.
        """
        if page is not Page.METRICS:
            reply("application/json", self._health(is_brief=page is Page.BRIEF_HEALTH))
        elif self._exposition is None:
            self._tasks.create_task(self._load_then_reply(accept, reply), name="first metrics")
        else:
            reply(*self._metrics(accept))

    async def _load_then_reply(self, accept: str, reply: Reply) -> None:
        # In a thread: it takes a twentieth of a second, in which nobody else should have to wait.
        self._exposition = await asyncio.to_thread(importlib.import_module, _EXPOSITION)
        reply(*self._metrics(accept))

    def _metrics(self, accept: str) -> tuple[str, bytes]:
        rendered: tuple[str, bytes] = self._exposition.render_metrics(
            self._counters, self._count(), accept
        )
        return rendered

    def _health(self, *, is_brief: bool) -> bytes:
        now = self._count()
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
