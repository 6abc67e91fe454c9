"""OpenSSH's server, under the AsyncSSH client."""

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import check_package, find_sshd
from benchmarks.subjects.ports import free_port
from benchmarks.subjects.served import ServedSubject
from benchmarks.subjects.server_process import ServerProcess, minimal_environment
from benchmarks.subjects.ssh_connection import SshConnection
from benchmarks.subjects.subject import Connection, MissingPeerError
from benchmarks.usage import named, running

_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host-key
AuthorizedKeysFile {directory}/login-key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
PrintMotd no
MaxSessions 1000
MaxStartups 2000
# Bash takes a command of sshd's for a login and reads ~/.bashrc, but for a nested shell.
SetEnv SHLVL=5
"""


class OpenSsh(ServedSubject):
    """A server of its own, for this user."""

    name = "openssh"
    about = "OpenSSH sshd, under the AsyncSSH client"
    # Each is a process: the memory of 1,000 is 10 GiB by RSS, and connecting takes 10 s.
    idle_connections = 100

    def __init__(self) -> None:
        super().__init__()
        self._port = 0
        self._key = Path()

    def check(self) -> None:
        find_sshd()
        check_package("asyncssh")
        if shutil.which("ssh-keygen") is None:
            raise MissingPeerError("cannot find ssh-keygen: `apt-get install openssh-client`")

    async def start(self, directory: Path) -> None:
        self._key = directory / "login-key"
        for name in ("login-key", "host-key"):
            if not (directory / name).exists():
                make_key(directory / name)
        if os.geteuid() == 0:
            # It separates privileges into this directory; a service unit would make it.
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self._port = free_port()
        config = directory / "sshd_config"
        config.write_text(_CONFIG.format(port=self._port, directory=directory))
        self._server = ServerProcess(
            [str(find_sshd()), "-D", "-e", "-f", str(config)],
            directory,
            minimal_environment(directory),
            says_address=False,
        )
        await self._server.listening(self._port)

    async def connect(self) -> Connection:
        return await SshConnection.open(
            self._port, user=getpass.getuser(), key=self._key, end_all=self._end_all
        )

    def server_pids(self) -> list[int]:
        return named(self._server.pid, "sshd") if self._server is not None else []

    def command_line(self, argv: Sequence[str]) -> list[str] | None:
        ssh = shutil.which("ssh")
        if ssh is None:
            return None
        unknown_host = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        options = ["-F", "none", "-q", "-n", "-i", str(self._key), "-p", str(self._port)]
        return [ssh, *options, *unknown_host, "127.0.0.1", *argv]

    def _end_all(self, argv: Sequence[str]) -> None:
        # It passes no signals on to commands of root, and ends none with their session.
        if self._server is not None:
            for pid in running(self._server.pid, argv):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)


def make_key(path: Path) -> None:
    """Make a key for login or for a host, without a passphrase."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
