"""Servers that are small programs of the benchmarks themselves."""

import sys
from pathlib import Path

from benchmarks.subjects.served import ServedSubject
from benchmarks.subjects.server_process import ServerProcess, minimal_environment

_PROGRAMS = Path(__file__).parents[1] / "programs"


class ProgramServer(ServedSubject):
    """A program in `programs/` that prints its address when it listens.

    Attributes:
        program: The name of its file.
    """

    program: str

    def __init__(self) -> None:
        super().__init__()
        self.url = ""

    async def start(self, directory: Path) -> None:
        self._server = ServerProcess(
            [sys.executable, str(_PROGRAMS / self.program)],
            directory,
            minimal_environment(directory),
            says_address=True,
        )
        self.url = await self._server.address()
