"""A soak run: warms up, works, and looks what is left."""

import asyncio
import gc
import json
import os
import random
import shutil
import sys
import time
import traceback
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from telexec_client import connect
from tests.faults.soak.activities import ACTIVITIES, stay_away
from tests.faults.soak.ledger import Ledger
from tests.faults.soak.weather import bad_weather
from tests.harness import procfs
from tests.harness.cgroup import below
from tests.harness.deadline import eventually, within
from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.http_request import page
from tests.harness.server import Server

LEASE_S = 15.0

RETAINED_BYTES = 256 * 1024
"""Of each process in memory: what a slow reader leaves goes into files."""

SPILLED_BYTES = 4 * 1024 * 1024
"""Of each process in files: whoever writes without end has to wait still."""

WARM_UP_PART = 0.5
"""How much of the time goes by before the service's memory is looked at for the first time."""

ACTIVITIES_PER_SESSION = 4
LONGEST_PAUSE_S = 10.0
"""Before each activity: two processors carry the host, all its clients and their networks."""

ABSENCES = 0.05
"""How many of the sessions end because their client stays away."""

MORE_MEMORY = 1.10
"""How much more than after the warm-up the service may take in the end."""


@dataclass(frozen=True)
class Remains:
    """What the host has when nobody is there."""

    resident_bytes: int
    descriptors: int
    children: int
    spill_files: int
    cgroups: int
    sessions: int
    processes: int


@dataclass(frozen=True)
class Report:
    """What came of a run."""

    ledger: Ledger
    before: Remains
    after: Remains
    client_tasks: int
    duration_s: float

    @property
    def complaints(self) -> list[str]:
        """What is not as it should be."""
        before, after, ledger = self.before, self.after, self.ledger
        found = list(ledger.wrong)
        if ledger.lost_bytes or ledger.doubled_bytes:
            found.append(f"{ledger.lost_bytes} bytes lost, {ledger.doubled_bytes} doubled")
        for name in self.before.__dataclass_fields__.keys() - {"resident_bytes"}:
            had, has = getattr(before, name), getattr(after, name)
            if has > had:
                found.append(f"{has} {name} are left, there were {had}")
        if self.client_tasks:
            found.append(f"{self.client_tasks} tasks of clients are left")
        if after.resident_bytes > before.resident_bytes * MORE_MEMORY:
            found.append(f"memory went from {before.resident_bytes} to {after.resident_bytes}")
        return found

    def table(self) -> str:
        """Return all of it for people."""
        counted = {**self.ledger.as_dict(), "wrong": len(self.ledger.wrong)}
        lines = [f"{name.replace('_', ' '):<20}{value:>16}" for name, value in counted.items()]
        lines.append(f"{'':<20}{'before':>16}{'after':>16}")
        for name in self.before.__dataclass_fields__:
            before, after = getattr(self.before, name), getattr(self.after, name)
            lines.append(f"{name.replace('_', ' '):<20}{before:>16}{after:>16}")
        lines.append(f"{'client tasks':<20}{'':>16}{self.client_tasks:>16}")
        return "\n".join(lines)

    def json_line(self) -> str:
        """Return all of it for programs."""
        return json.dumps(
            {
                "durationS": round(self.duration_s, 1),
                "ok": not self.complaints,
                "complaints": self.complaints,
                "ledger": self.ledger.as_dict(),
                "before": vars(self.before),
                "after": vars(self.after),
                "clientTasks": self.client_tasks,
            }
        )


def config(directory: Path, group: Path | None) -> str:
    """Return the service's configuration, with cgroups below `group` if there is one."""
    cgroups = "" if group is None else f'[cgroups]\nparent = "{group}"\n'
    return f"""
[service]
log_level = "warning"
[limits]
retained_bytes = {RETAINED_BYTES}
[spill]
directory = "{directory}"
process_bytes = {SPILLED_BYTES}
[sessions]
lease_s = {LEASE_S}
finished_s = {LEASE_S}
[keepalive]
probe_s = 1.0
{cgroups}"""


async def soak(
    server: Server,
    directory: Path,
    *,
    group: Path | None,
    seconds: float,
    sessions: int,
    seed: int,
) -> Report:
    """Work with a service for so long; the service must have this `config`.

    Args:
        directory: For what the run and the service write.
        group: Where the service makes cgroups.
        sessions: How many there are at the same time.
        seed: Of everything that is random, as far as the timing of processes allows.
    """
    ledger = Ledger()
    began = time.monotonic()
    tasks_before = len(asyncio.all_tasks())
    descriptors = server.fds_in_use()
    until = began + seconds * WARM_UP_PART
    await _work(server, directory, ledger, until=until, sessions=sessions, seed=seed)
    before = await _at_rest(server, directory, group, descriptors)
    until = began + seconds
    await _work(server, directory, ledger, until=until, sessions=sessions, seed=seed + 1)
    after = await _at_rest(server, directory, group, before.descriptors)
    client_tasks = len(asyncio.all_tasks()) - tasks_before
    return Report(ledger, before, after, client_tasks, time.monotonic() - began)


async def _work(
    server: Server, directory: Path, ledger: Ledger, *, until: float, sessions: int, seed: int
) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(sessions):
            chance = random.Random(f"{seed} {number}")
            tasks.create_task(
                _one_after_the_other(server, ledger, chance, until=until), name=f"worker {number}"
            )
        tasks.create_task(
            _kill_clients(server, directory, ledger, until=until), name="killed clients"
        )


async def _one_after_the_other(
    server: Server, ledger: Ledger, chance: random.Random, *, until: float
) -> None:
    with ExitStack() as stack:
        proxy = stack.enter_context(fault_proxy(server.url))
        while time.monotonic() < until:
            try:
                await _session(proxy, ledger, chance, until=until)
            except Exception as error:  # noqa: BLE001 - the run goes on and tells of it at its end
                ledger.wrong.append(_in_short(error))
        ledger.connections += proxy.connections


async def _session(
    proxy: FaultProxy, ledger: Ledger, chance: random.Random, *, until: float
) -> None:
    async with connect(proxy.url) as client:
        ledger.sessions += 1
        async with asyncio.TaskGroup() as tasks:
            weather = tasks.create_task(bad_weather(proxy, ledger, chance), name="weather")
            try:
                for activity in chance.choices(ACTIVITIES, k=ACTIVITIES_PER_SESSION):
                    await asyncio.sleep(chance.random() * LONGEST_PAUSE_S)
                    if time.monotonic() < until:
                        await activity(client, ledger, chance)
            finally:
                weather.cancel()
        if chance.random() < ABSENCES:
            await stay_away(client, ledger, lambda: _lose_network(proxy))
            proxy.accept()


def _in_short(error: BaseException) -> str:
    """Return what went wrong, and where."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    place = traceback.extract_tb(error.__traceback__)
    where = next((f"{it.name}:{it.lineno}" for it in place if "activities" in it.filename), "?")
    return f"{where}: {type(error).__name__}: {error}"


def _lose_network(proxy: FaultProxy) -> None:
    proxy.refuse()
    proxy.cut()


async def _kill_clients(server: Server, directory: Path, ledger: Ledger, *, until: float) -> None:
    """Kill clients that are processes of their own, one after the other."""
    command = shutil.which("telexec", path=os.path.dirname(sys.executable))
    assert command is not None, "the command telexec is not installed"
    while time.monotonic() < until:
        run = await asyncio.create_subprocess_exec(
            *(command, "run", "--url", server.url, "--"),
            *("sh", "-c", "sleep 600 & echo $$ $!; wait"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            cwd=directory,
        )
        assert run.stdout is not None
        line = await within(run.stdout.readline(), what="the first line of a process")
        run.kill()
        await run.wait()
        ledger.killed_clients += 1
        ledger.most_spill_files = max(ledger.most_spill_files, _spill_files(server, directory))
        await _ended([int(pid) for pid in line.split()])


def _spill_files(server: Server, directory: Path) -> int:
    # They have no names (open(2), O_TMPFILE).
    return sum(it.startswith(f"{directory}/#") for it in server.open_fds().values())


async def _ended(pids: list[int]) -> None:
    await eventually(
        lambda: not any(map(procfs.is_alive, pids)),
        what="the end of what a killed client had started",
    )


async def _at_rest(
    server: Server, directory: Path, group: Path | None, descriptors: int
) -> Remains:
    """Wait until the leases of all sessions are over, and look what there is."""

    def is_quiet() -> bool:
        return not server.children() and server.fds_in_use() <= descriptors

    # What is left is what the report is about.
    with suppress(AssertionError):
        await eventually(is_quiet, what="the end of everything", deadline_s=LEASE_S * 2)
    give_up_at = time.monotonic() + LEASE_S * 2
    while True:
        health = json.loads(await page(server, "/healthz"))
        if not health["sessions"] or time.monotonic() > give_up_at:
            break
        await asyncio.sleep(0.1)
    gc.collect()
    return Remains(
        resident_bytes=server.resident_bytes(),
        descriptors=server.fds_in_use(),
        children=len(server.children()),
        spill_files=_spill_files(server, directory),
        cgroups=0 if group is None else len(list(below(group))),
        sessions=health["sessions"],
        processes=health["processes"],
    )
