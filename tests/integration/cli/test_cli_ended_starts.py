"""A signal while `telexec run -d` starts something leaves nothing that nobody can name."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from telexec_client import connect
from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.fault_proxy import Direction, FaultProxy, fault_proxy
from tests.harness.frame_proxy import frame_proxy
from tests.harness.server import Server
from tests.integration.cli.command import Command, Ended, running, telexec
from tests.integration.cli.users import User

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
NAME = "ended"


class Held:
    """A network that stands still as soon as a host has answered a start."""

    def __init__(self) -> None:
        self.network: FaultProxy | None = None
        self.is_started = False

    def look_at(self, sender: Direction, frame: bytes) -> bytes:
        """See `Rewrite`."""
        if sender == "server" and b'"pid":' in frame and not self.is_started:
            assert self.network is not None
            self.network.stall()
            self.is_started = True
        return frame


@asynccontextmanager
async def starting(server: Server, home: Path, *arguments: str) -> AsyncIterator["Starting"]:
    """Start something that sleeps, and give what waits for the answer to that."""
    held = Held()
    async with frame_proxy(server.url, rewrite=held.look_at) as frames:
        with fault_proxy(frames.url) as network:
            held.network = network
            user = User(home, network.url)
            argv = ["run", "-d", "--name", NAME, *arguments, "--", *programs.sleep()]
            with running(argv, env=user.env) as command:
                await eventually(lambda: held.is_started, what="the start")
                yield Starting(command, network, user)


class Starting:
    """`telexec run -d` whose process runs, which it has not heard yet."""

    def __init__(self, command: Command, network: FaultProxy, user: User) -> None:
        self.network = network
        self.user = user
        self._command = command

    def gets(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._command.send_signal(number)

    async def takes(self, number: signal.Signals) -> None:
        """Send a signal, and wait until it has taken it and waits for something else."""
        pid = self._command.pid
        before = procfs.times_waited(pid)
        self.gets(number)
        await eventually(lambda: procfs.times_waited(pid) > before, what="the signal to be taken")

    async def ended(self) -> Ended:
        """Wait for its end."""
        return await asyncio.to_thread(self._command.ended)


async def running_in(server: Server, session: str) -> list[str]:
    """Return what runs in a session, or [] if there is no such session."""
    async with connect(server.url) as client:
        listed = (await client.sessions()).sessions
        if session not in {it.name for it in listed}:
            return []
        entries = (await client.processes(session)).processes
        return [it.process_id for it in entries if it.state == "running"]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda it: it.name)
async def test_what_was_started_is_ended_and_nothing_is_printed(
    patient: Server, tmp_path: Path, number: signal.Signals
) -> None:
    async with starting(patient, tmp_path) as start:
        await start.takes(number)
        start.network.resume()
        assert await start.ended() == Ended(128 + number, b"", b"")
    assert await running_in(patient, NAME) == []


async def test_what_ran_in_the_session_before_goes_on(patient: Server, tmp_path: Path) -> None:
    async with connect(patient.url, session=NAME, on_disconnect=60) as client:
        before = await client.start(programs.sleep())
        await client.detach()
    async with starting(patient, tmp_path) as start:
        await start.takes(signal.SIGTERM)
        start.network.resume()
        assert await start.ended() == Ended(143, b"", b"")
    assert await running_in(patient, NAME) == [before.process_id]
    user = User(tmp_path, patient.url)
    ended = await asyncio.to_thread(user.does, "kill", "--session", NAME)
    assert ended == Ended(0, b"", b"")


async def test_without_an_answer_it_is_said_where_it_may_run_and_noted(
    patient: Server, tmp_path: Path
) -> None:
    async with starting(patient, tmp_path) as start:
        await start.takes(signal.SIGTERM)
        ended = await within(start.ended(), what="its end")
        assert (ended.exit_code, ended.stdout) == (143, b"")
        assert ended.stderr.decode() == (
            f"telexec: cannot tell whether it runs in {NAME}: no answer; telexec ps {NAME} shows"
            " it\n"
        )
        # It was told to end it all the same.
        start.network.resume()

        async def until_ended() -> None:
            while await running_in(patient, NAME):
                pass

        await within(until_ended(), what="the end of what was started")
        # The host need not be said.
        shown = await asyncio.to_thread(telexec, "ps", env={"HOME": str(start.user.home)})
        assert NAME.encode() in shown.stdout + shown.stderr


async def test_a_second_signal_ends_it_at_once(patient: Server, tmp_path: Path) -> None:
    async with starting(patient, tmp_path) as start:
        await start.takes(signal.SIGTERM)
        start.gets(signal.SIGINT)
        assert await start.ended() == Ended(130, b"", b"")
        start.network.resume()
    user = User(tmp_path, patient.url)
    await asyncio.to_thread(user.does, "kill", "--take-over", "--session", NAME)
