"""SWE-ReX's server, under a raw HTTP client: the fastest that it can be asked."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cache import venv_python
from benchmarks.peers import check_package
from benchmarks.subjects.ports import free_port
from benchmarks.subjects.served import ServedSubject
from benchmarks.subjects.server_process import ServerProcess, minimal_environment
from benchmarks.subjects.subject import Ability, Connection, Running, Take

_MAX_ANSWER_BYTES = 512 * 1024 * 1024


class SweRex(ServedSubject):
    """It hands over output when a command has ended, as text, and knows no stdin."""

    name = "swerex"
    about = "SWE-ReX over raw HTTP, keep-alive (no streaming, no stdin)"
    abilities = frozenset({Ability.SERVE, Ability.OUTPUT, Ability.RUN})

    def __init__(self) -> None:
        super().__init__()
        self._port = 0
        self._token = ""

    def check(self) -> None:
        check_package("swerex")

    async def start(self, directory: Path) -> None:
        self._token = secrets.token_hex(16)
        self._port = free_port()
        options = ["--host", "127.0.0.1", "--port", str(self._port), "--auth-token", self._token]
        self._server = ServerProcess(
            [str(venv_python()), "-m", "swerex.server", *options],
            directory,
            minimal_environment(directory),
            says_address=False,
        )
        await self._server.listening(self._port)

    async def connect(self) -> Connection:
        return HttpConnection(self._port, self._token)


class HttpConnection(Connection):
    """As many TCP connections as there are requests at once; they are kept."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def start(self, argv: Sequence[str], take: Take, *, stdin: bool = False) -> Running:
        raise AssertionError("cannot accompany a process of SWE-ReX")

    async def run(self, argv: Sequence[str], take: Take) -> int:
        body = json.dumps({"command": list(argv), "shell": False}).encode()
        head = (
            f"POST /execute HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = self._idle.pop() if self._idle else await self._connect()
        writer.write(head.encode() + body)
        answer_head = await reader.readuntil(b"\r\n\r\n")
        status, *lines = answer_head.decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        answer = json.loads(await reader.readexactly(int(headers["content-length"])))
        if " 200" not in status:
            raise ConnectionError(f"cannot run a command: {status}: {answer}")
        self._idle.append((reader, writer))
        take(answer["stdout"].encode())
        exit_code: int = answer["exit_code"]
        return exit_code

    async def close(self) -> None:
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()
            await writer.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port, limit=_MAX_ANSWER_BYTES)
