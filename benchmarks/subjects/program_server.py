"""Servers that are small programs of the benchmarks themselves."""

import sys
from pathlib import Path

from benchmarks.subjects.server_process import ServerProcess, minimal_environment
from benchmarks.subjects.subject import Subject

_PROGRAMS = Path(__file__).parents[1] / "programs"


class ProgramServer(Subject):
    """A program in `programs/` that prints its address when it listens.

    Attributes:
        program: The name of its file.
    """

    program: str

    def __init__(self) -> None:
        self._server: ServerProcess | None = None
        self.url = ""

    def check(self) -> None:
        pass

    async def start(self, directory: Path) -> None:
        self._server = ServerProcess(
            [sys.executable, str(_PROGRAMS / self.program)],
            directory,
            minimal_environment(directory),
            says_address=True,
        )
        self.url = await self._server.address()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def server_pids(self) -> list[int]:
        return [self._server.pid] if self._server is not None else []
