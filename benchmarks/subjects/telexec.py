"""telexec: its service under the load generator, and under its own client library."""

import asyncio
import secrets
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.subjects.dialect import BinaryDialect, Dialect, TextDialect
from benchmarks.subjects.lean_connection import LeanConnection
from benchmarks.subjects.served import ServedSubject
from benchmarks.subjects.server_process import ServerProcess, minimal_environment
from benchmarks.subjects.subject import Connection, Running, Take
from telexec_client import Client, Process, connect

SERVICE = ("-m", "telexec_service")


class TelexecService(ServedSubject):
    """The service with everything on that is on by default, and a token.

    Args:
        config: Its configuration file, TOML.
        start_with: What the interpreter is told to run.
    """

    is_ours = True

    def __init__(self, config: str = "", start_with: Sequence[str] = SERVICE) -> None:
        self._config = config
        self._start_with = start_with
        super().__init__()
        self.url = ""
        self.token = ""
        self._token_file = Path()

    async def start(self, directory: Path) -> None:
        self.token = secrets.token_urlsafe(16)
        self._token_file = directory / "telexec-token"
        self._token_file.touch(mode=0o600)
        self._token_file.write_text(self.token)
        config = directory / "telexec.toml"
        config.write_text(self._config)
        options = ["--listen", "ws://127.0.0.1:0", "--token-file", str(self._token_file)]
        self._server = ServerProcess(
            [sys.executable, *self._start_with, *options, "--config", str(config)],
            directory,
            minimal_environment(directory),
            says_address=True,
        )
        self.url = await self._server.address()

    def command_line(self, argv: Sequence[str]) -> list[str] | None:
        telexec = str(Path(sys.executable).with_name("telexec"))
        return [telexec, "run", "--url", self.url, "--token-file", str(self._token_file), *argv]


class TelexecLean(TelexecService):
    """Under the load generator."""

    name = "telexec"
    about = "telexec-service, text frames, under the lean load generator"
    dialect: type[Dialect] = TextDialect

    async def connect(self) -> LeanConnection:
        return await LeanConnection.open(self.url, self.dialect(), token=self.token)


class TelexecLeanBinary(TelexecLean):
    """Under the load generator, which asks for binary frames."""

    name = "telexec-binary"
    about = "the same, binary frames"
    dialect = BinaryDialect


class TelexecClient(TelexecService):
    """Under its own client library."""

    name = "telexec-client"
    about = "telexec-service, under telexec_client, which speaks binary frames with it"

    async def connect(self) -> Connection:
        return await ClientConnection.open(self.url, self.token)


class ClientConnection(Connection):
    """A connection of the client library, with a reader for each process."""

    def __init__(self, client: Client, readers: asyncio.TaskGroup, stack: AsyncExitStack) -> None:
        self._client = client
        self._readers = readers
        self._stack = stack

    @classmethod
    async def open(cls, url: str, token: str) -> "ClientConnection":
        """Connect to a service."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(connect(url, token=token))
            readers = await stack.enter_async_context(asyncio.TaskGroup())
            return cls(client, readers, stack.pop_all())

    async def start(self, argv: Sequence[str], take: Take, *, stdin: bool = False) -> Running:
        process = await self._client.start(argv, stdin=stdin)
        task = self._readers.create_task(_hand_over(process, take), name="reader")
        return ClientProcess(process, task)

    async def run(self, argv: Sequence[str], take: Take) -> int:
        # As a user of the library would.
        async with self._client.start(argv) as process:
            async for data in process.stdout:
                take(data)
            return (await process.wait()).exit_code

    async def close(self) -> None:
        await self._stack.aclose()


class ClientProcess(Running):
    """A process of the client library."""

    def __init__(self, process: Process, reader: asyncio.Task[None]) -> None:
        self._process = process
        self._reader = reader

    async def write(self, data: bytes) -> None:
        await self._process.write(data)

    async def ended(self) -> int:
        await self._reader
        return (await self._process.wait()).exit_code

    async def stop(self) -> None:
        await self._process.terminate()
        await self._reader


async def _hand_over(process: Process, take: Take) -> None:
    async for data in process.stdout:
        take(data)
