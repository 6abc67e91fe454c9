"""A session that does a bit of everything and knows exactly what must come of it.

Each part of it holds whatever happens to the connection meanwhile: every start leaves one line in
a file, every byte of input and output is there once and in order, every end is the true one. Only
what cannot be repeated may fail, and then says so.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path

from telexec_client import Client, Process, TerminalSize, errors
from tests.harness import procfs, programs
from tests.harness.deadline import eventually

INPUT = random.Random(1).randbytes(30_000)
LAST_LINE = 9_000
"""Numbered lines up to this one are a bit less than 44 KiB."""


class RecordedSession:
    """Plays the session on a host; one for each client.

    Args:
        directory: Where the processes leave their traces; made here, on the host too.
        reads_late: Whether what floods is read only when all the rest is over.
    """

    def __init__(self, directory: Path, *, reads_late: bool = False) -> None:
        directory.mkdir()
        self._directory = directory
        self._starts = directory / "starts"
        self._reads_late = reads_late
        self._expected: Counter[str] = Counter()
        self._pids: list[int] = []

    async def play(self, client: Client) -> None:
        """Do all of it; the process that is left running at the end is for `client.close`."""
        late = await self._flood(client) if self._reads_late else None
        await self._echo(client)
        await self._crowd(client)
        await self._terminal(client)
        await self._interrupt(client)
        await self._terminate(client)
        await self._file(client)
        if late is not None:
            received = b"".join([data async for data in late.stdout])
            assert received == programs.expected_lines(1, LAST_LINE * 20)
            assert (await late.wait()).exit_code == 0
        left = await self._start(client, "left", "echo here; exec sleep 600")
        assert await left.stdout.read() == b"here\n"

    async def nothing_is_left(self) -> None:
        """Wait until no process of the session runs, and compare what was started."""
        await eventually(
            lambda: not any(map(procfs.is_alive, self._pids)), what="the end of every process"
        )
        started = self._starts.read_text().split() if self._starts.exists() else []
        assert Counter(started) == self._expected

    async def _start(
        self, client: Client, name: str, script: str, *arguments: str, **options: bool
    ) -> Process:
        self._expected[name] += 1
        process = await client.start(self._counted(name, script, *arguments), **options)
        if process.pid is not None:
            self._pids.append(process.pid)
        return process

    def _counted(self, name: str, script: str, *arguments: str) -> list[str]:
        # `$1` and so on are the arguments.
        return programs.shell(
            f"echo {name} >> '{self._starts}'; {script}",
            *arguments,
        )

    async def _flood(self, client: Client) -> Process:
        return await self._start(client, "late", f"exec seq 1 {LAST_LINE * 20}")

    async def _echo(self, client: Client) -> None:
        """Input both ways: written in pieces, each echoed before the next, and then at once."""
        pieces = [b"one\n", b"two\n", INPUT]
        size = sum(map(len, pieces))
        can_close = client.extensions is not None
        script = "exec cat" if can_close else f"exec head -c {size}"
        process = await self._start(client, "echo", script, stdin=True)
        received = b""
        for count, piece in enumerate(pieces, 1):
            await process.write(piece)
            while can_close and len(received) < sum(map(len, pieces[:count])):
                received += await process.stdout.read()
        if can_close:
            await process.close_stdin()
        done = await process.wait()
        assert received + done.stdout == b"".join(pieces)
        assert done.exit_code == 0

    async def _crowd(self, client: Client) -> None:
        """Several at once, each with its own output and end."""
        lines = programs.expected_lines(1, LAST_LINE)
        script = f"seq 1 {LAST_LINE}; seq 1 {LAST_LINE} >&2; exit 9"
        async with asyncio.TaskGroup() as tasks:
            both = tasks.create_task(client.run(self._counted("both", script)), name="both")
            killed = tasks.create_task(
                client.run(self._counted("killed", "echo bye; kill -TERM $$")), name="killed"
            )
            quick = tasks.create_task(client.run(self._counted("quick", "exit 3")), name="quick")
        self._expected.update(["both", "killed", "quick"])
        assert both.result().stdout == lines
        assert both.result().stderr == lines
        assert both.result().exit_code == 9
        assert (killed.result().stdout, killed.result().exit_code) == (b"bye\n", 143)
        assert (quick.result().stdout, quick.result().exit_code) == (b"", 3)
        if client.extensions is not None:
            assert killed.result().signal == "SIGTERM"
            assert killed.result().reason == "signaled"
            assert quick.result().reason == "exited"

    async def _terminal(self, client: Client) -> None:
        script = "stty -echo; echo ready; read line; stty size; echo got $line"
        process = await self._start(client, "terminal", script, tty=True)
        received = b""
        while received != b"ready\r\n":
            received += await process.stdout.read()
        if client.extensions is not None:
            await process.resize(TerminalSize(rows=50, columns=132))
        await process.write(b"it\n")
        done = await process.wait()
        size = b"50 132" if client.extensions is not None else b"24 80"
        assert received + done.stdout == b"ready\r\n%b\r\ngot it\r\n" % size
        assert done.exit_code == 0

    async def _interrupt(self, client: Client) -> None:
        caught = self._directory / "caught"
        script = "trap 'echo INT >> \"$1\"; exit 7' INT; echo ready; read line"
        process = await self._start(client, "interrupt", script, str(caught), stdin=True)
        assert await process.stdout.read() == b"ready\n"
        try:
            await process.signal("SIGINT")
        except errors.ConnectionLostError as error:
            _must_be_uncertain(error)
            # It may have been sent: whoever sends another one takes that on himself.
            await process.terminate()
            assert (await process.wait()).exit_code in {7, 128 + 15, 128 + 9}
            assert not caught.exists() or caught.read_text() == "INT\n"
        else:
            assert (await process.wait()).exit_code == 7
            assert caught.read_text() == "INT\n"

    async def _terminate(self, client: Client) -> None:
        process = await self._start(client, "terminated", "echo here; exec sleep 600")
        assert await process.stdout.read() == b"here\n"
        await process.terminate()
        done = await process.wait()
        if client.extensions is None:
            assert done.exit_code == 128 + 9
        else:
            assert (done.exit_code, done.signal, done.reason) == (143, "SIGTERM", "terminated")

    async def _file(self, client: Client) -> None:
        path = str(self._directory / "file")
        try:
            await client.files.write(path, INPUT)
        except errors.ConnectionLostError as error:
            _must_be_uncertain(error)
            await eventually(
                lambda: not Path(path).exists() or Path(path).read_bytes() == INPUT,
                what="the whole file, or none",
            )
            return
        assert await client.files.read(path) == INPUT


def _must_be_uncertain(error: errors.ConnectionLostError) -> None:
    assert str(error).startswith("cannot tell whether")
