"""An AsyncSSH server, under the AsyncSSH client."""

from pathlib import Path

from benchmarks.cache import venv_python
from benchmarks.peers import check_package
from benchmarks.subjects.openssh import make_key
from benchmarks.subjects.ports import free_port
from benchmarks.subjects.served import ServedSubject
from benchmarks.subjects.server_process import ServerProcess, minimal_environment
from benchmarks.subjects.ssh_connection import SshConnection
from benchmarks.subjects.subject import Connection

_PROGRAM = Path(__file__).parents[1] / "programs" / "asyncssh_server.py"


class AsyncSsh(ServedSubject):
    """On asyncio's own loop, on which it starts commands twice as fast as on uvloop."""

    name = "asyncssh"
    about = "an AsyncSSH server on asyncio's own loop, under the AsyncSSH client"

    def __init__(self) -> None:
        super().__init__()
        self._port = 0
        self._key = Path()

    def check(self) -> None:
        check_package("asyncssh")

    async def start(self, directory: Path) -> None:
        self._key = directory / "asyncssh-login-key"
        host_key = directory / "asyncssh-host-key"
        for key in (self._key, host_key):
            if not key.exists():
                make_key(key)
        self._port = free_port()
        login = self._key.with_suffix(".pub")
        self._server = ServerProcess(
            [str(venv_python()), str(_PROGRAM), str(self._port), str(host_key), str(login)],
            directory,
            minimal_environment(directory),
            says_address=False,
        )
        await self._server.listening(self._port)

    async def connect(self) -> Connection:
        return await SshConnection.open(self._port, user="benchmarks", key=self._key)
