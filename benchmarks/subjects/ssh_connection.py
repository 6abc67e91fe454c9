"""An SSH connection, by the AsyncSSH client."""

import asyncio
import importlib
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.subjects.subject import Connection, Running, Take

EndAll = Callable[[Sequence[str]], None]


class SshConnection(Connection):
    """Runs each process in a session of its own on one connection."""

    def __init__(self, connection: Any, end_all: EndAll | None) -> None:
        self._connection = connection
        self._end_all = end_all

    @classmethod
    async def open(
        cls, port: int, *, user: str, key: Path, end_all: EndAll | None = None
    ) -> "SshConnection":
        """Log in at the loopback address.

        Args:
            end_all: Ends all processes that run a command, where the server passes no signals on.
        """
        # Of the peers' venv, which type checkers do not see.
        asyncssh: Any = importlib.import_module("asyncssh")
        return cls(
            await asyncssh.connect(
                "127.0.0.1",
                port,
                username=user,
                client_keys=[str(key)],
                known_hosts=None,
                config=None,
                agent_path=None,
            ),
            end_all,
        )

    async def start(self, argv: Sequence[str], take: Take, *, stdin: bool = False) -> Running:
        channel, session = await self._connection.create_session(
            lambda: _Session(take), shlex.join(argv), encoding=None
        )
        if stdin:
            return SshProcess(channel, session, channel.write_eof)
        if self._end_all is None:
            return SshProcess(channel, session, channel.terminate)
        return SshProcess(channel, session, partial(self._end_all, argv))

    async def close(self) -> None:
        self._connection.close()
        await self._connection.wait_closed()


class _Session:
    """What AsyncSSH calls; it wants no more of a session than these names."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._exit_code: int | None = None
        self.end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, chan: Any) -> None:
        pass

    def session_started(self) -> None:
        pass

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._take(data)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def exit_status_received(self, status: int) -> None:
        self._exit_code = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._exit_code = 128

    def connection_lost(self, exc: Exception | None) -> None:
        if self._exit_code is not None:
            self.end.set_result(self._exit_code)
        else:
            self.end.set_exception(exc or ConnectionError("cannot tell how the command ended"))
            # Nobody waits for one that was stopped.
            self.end.exception()


class SshProcess(Running):
    """A process in an SSH session."""

    def __init__(self, channel: Any, session: Any, end: Callable[[], object]) -> None:
        self._channel = channel
        self._session = session
        self._end = end

    async def write(self, data: bytes) -> None:
        self._channel.write(data)

    async def ended(self) -> int:
        end: asyncio.Future[int] = self._session.end
        return await end

    async def stop(self) -> None:
        if not self._session.end.done():
            self._end()
        await asyncio.wait({self._session.end})
