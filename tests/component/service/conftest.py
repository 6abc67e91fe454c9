import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import structlog

from telexec_schemas.identifiers import ProcessId, Seq
from telexec_schemas.process import EndReason, ProcessLimits, TerminalSize
from telexec_service.config import Limits
from telexec_service.core.account import ProcessAccount
from telexec_service.core.counters import Counters
from telexec_service.core.events import Closed, Exited
from telexec_service.processes.guardian import Guardian
from telexec_service.processes.limits import Confinement
from telexec_service.processes.marks import Marks
from telexec_service.processes.offspring import Offspring
from telexec_service.processes.process import Process
from telexec_service.processes.readiness import Readiness
from telexec_service.processes.reaper import Reaper
from telexec_service.processes.spawner import Spawner, SpawnRequest
from telexec_service.processes.tree_ender import TreeEnder
from telexec_service.processes.usage_meter import UsageMeter
from tests.harness.deadline import DEADLINE_S

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class Runner:
    """Starts processes as a session does, and consumes their output when told to."""

    def __init__(self) -> None:
        self.marks = Marks()
        self.serials = iter(self.marks.take_block())
        self.spawner = Spawner(self.marks, Confinement(ProcessLimits(), 0))
        self.reaper = Reaper()
        readiness = Readiness()
        self.ender = TreeEnder(
            self.marks,
            lambda: (),
            lambda: self.reaper.starts,
            readiness.look,
            structlog.get_logger(),
        )
        self.offspring = Offspring(
            self.marks,
            self.spawner,
            self.reaper,
            self.ender,
            Guardian(self.marks, self.reaper, structlog.get_logger()),
            UsageMeter(),
            readiness,
        )
        self.counters = Counters()
        self.processes: list[Process] = []
        self.ended: list[Process] = []
        self.changed = asyncio.Event()

    def start(
        self,
        argv: list[str],
        *,
        size: TerminalSize | None = None,
        pipe_stdin: bool = False,
        limits: Limits | None = None,
        delivers: bool = True,
        cwd: str = "/",
    ) -> Process:
        request = SpawnRequest(argv, None, cwd, ENVIRONMENT, size, pipe_stdin)

        def on_change(process: Process) -> None:
            if delivers:
                deliver(process)
            process.regulate()
            self.changed.set()

        serial = next(self.serials)
        process = Process(
            ProcessId(str(len(self.processes))),
            self.spawner.spawn(request, serial),
            limits or Limits(),
            serial=serial,
            account=ProcessAccount(self.counters, profile=None, tty=size is not None, now_s=0.0),
            credit_bytes=None,
            offspring=self.offspring,
            on_change=on_change,
            on_exit=lambda _: None,
            on_end=self.ended.append,
            on_survivors=lambda _process, _survivors: None,
        )
        self.processes.append(process)
        return process

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def closed(self, process: Process) -> list[Any]:
        """Return all events of a process once it is closed."""
        await self.until(lambda: process.log.is_closed)
        return list(process.log.events_after(Seq(0)))


def deliver(process: Process) -> None:
    """Take everything that is to be pushed."""
    while (event := process.delivery.next_event()) is not None:
        process.delivery.mark_sent(event)


def output_of(events: list[Any], stream: str) -> bytes:
    return b"".join(
        event.data
        for event in events
        if not isinstance(event, Exited | Closed) and event.stream == stream
    )


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    runner = Runner()
    yield runner
    for process in runner.processes:
        process.end(EndReason.SHUTDOWN, 0)
        process.close(EndReason.SHUTDOWN)
    async with asyncio.timeout(DEADLINE_S):
        await runner.ender.wait_until_empty()
        await runner.reaper.wait_until_empty()
    await runner.offspring.close(is_gone=True)
