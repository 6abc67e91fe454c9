"""What is measured: something that starts processes on behalf of a client."""

import abc
from collections.abc import Callable, Sequence
from enum import Enum, auto
from pathlib import Path

from benchmarks.usage import CpuTime, cpu_time, memory_bytes

Take = Callable[[bytes], None]
"""Gets output of a process as it comes."""


class MissingPeerError(Exception):
    """Something is not on this machine; the text says what, and how to get it."""


class Ability(Enum):
    """What a subject can do."""

    STREAM = auto()
    """Hand over output while the process runs."""
    STDIN = auto()
    """Write to the stdin of a running process."""
    SERVE = auto()
    """It has a server, which takes connections."""
    OUTPUT = auto()
    """Run a command to its end and hand over what it prints; without it, only echoing."""
    RUN = auto()
    """Run any number of commands at the same time."""


class Running(abc.ABC):
    """A process that was started."""

    @abc.abstractmethod
    async def write(self, data: bytes) -> None:
        """Write to its stdin."""

    @abc.abstractmethod
    async def ended(self) -> int:
        """Return its exit code once it has ended and all its output was taken."""

    @abc.abstractmethod
    async def stop(self) -> None:
        """End it now and return when it has ended."""


class Connection(abc.ABC):
    """A warm connection."""

    @abc.abstractmethod
    async def start(self, argv: Sequence[str], take: Take, *, stdin: bool = False) -> Running:
        """Start a process and return once it is known to be started."""

    async def run(self, argv: Sequence[str], take: Take) -> int:
        """Run a process to its end and return its exit code."""
        running = await self.start(argv, take)
        return await running.ended()

    @abc.abstractmethod
    async def close(self) -> None:
        """End the connection."""


class Subject(abc.ABC):
    """One of those that are compared. Made anew for every server that is wanted.

    Attributes:
        name: Its name in tables.
        about: What it is, for the legend.
        abilities: See `Ability`.
        is_ours: Whether it is telexec.
        idle_connections: The most idle connections that can be asked of it.
    """

    name: str
    about: str
    abilities: frozenset[Ability] = frozenset(Ability)
    is_ours = False
    idle_connections = 1000

    @abc.abstractmethod
    def check(self) -> None:
        """Raise `MissingPeerError` if it cannot be measured on this machine."""

    @abc.abstractmethod
    async def start(self, directory: Path) -> None:
        """Start its server, which may write there; return when it takes connections."""

    @abc.abstractmethod
    def stop(self) -> None:
        """End the server. Idempotent."""

    @abc.abstractmethod
    async def connect(self) -> Connection:
        """Open a connection, ready for starts."""

    def server_pids(self) -> list[int]:
        """Return the processes of the server, without the commands that it runs."""
        return []

    def command_line(self, argv: Sequence[str]) -> list[str] | None:
        """Return a command that runs `argv` through it as a whole program; `None`: it has none."""
        return None

    def cpu(self) -> CpuTime:
        """Return what the server has used so far."""
        return cpu_time(self.server_pids())

    def memory_bytes(self) -> int:
        """Return what the server holds now."""
        return memory_bytes(self.server_pids())


def drop(_data: bytes) -> None:
    """Take output and do nothing with it."""
