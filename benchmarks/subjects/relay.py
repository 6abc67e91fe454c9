"""The floor of a service in Python that hands output over a socket."""

from benchmarks.subjects.dialect import BinaryDialect
from benchmarks.subjects.lean_connection import LeanConnection
from benchmarks.subjects.program_server import ProgramServer
from benchmarks.subjects.subject import Ability


class Relay(ProgramServer):
    """A loop that reads a pipe and writes to a socket, under the load generator."""

    name = "relay"
    program = "relay.py"
    about = "a loop that reads the pipe and writes to the socket, under the lean load generator"
    abilities = frozenset({Ability.OUTPUT, Ability.STREAM, Ability.SERVE})

    async def connect(self) -> LeanConnection:
        return await LeanConnection.open(self.url, BinaryDialect())
