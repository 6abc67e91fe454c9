"""The Codex CLI's exec-server: the peer whose protocol telexec speaks."""

from pathlib import Path

from benchmarks.peers import find_codex
from benchmarks.subjects.dialect import TextDialect
from benchmarks.subjects.lean_connection import LeanConnection
from benchmarks.subjects.served import ServedSubject
from benchmarks.subjects.server_process import ServerProcess, minimal_environment
from benchmarks.subjects.subject import Connection

CONCURRENT_REQUESTS = 32


class Codex(ServedSubject):
    """It leaves Nagle's algorithm on; the client takes the stall of 40 ms away."""

    name = "codex"
    about = (
        f"codex exec-server --concurrent-requests {CONCURRENT_REQUESTS}, under the load "
        "generator with TCP_QUICKACK"
    )

    def __init__(self) -> None:
        super().__init__()
        self._url = ""

    def check(self) -> None:
        find_codex()

    async def start(self, directory: Path) -> None:
        options = ["--listen", "ws://127.0.0.1:0"]
        options += ["--concurrent-requests", str(CONCURRENT_REQUESTS)]
        self._server = ServerProcess(
            [str(find_codex()), "exec-server", *options],
            directory,
            minimal_environment(directory) | {"CODEX_HOME": str(directory)},
            says_address=True,
        )
        self._url = await self._server.address()

    async def connect(self) -> Connection:
        return await LeanConnection.open(self._url, TextDialect(), quick_ack=True)
