"""The floor: processes of this process, with nothing between."""

import asyncio
import fcntl
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from benchmarks.subjects.subject import Ability, Connection, Running, Subject, Take

_PIECE_BYTES = 256 * 1024
_MUCH_BYTES = 16 * 1024
_PIPE_BYTES = 1024 * 1024
_ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


class Floor(Subject):
    """`posix_spawn`, pipes and a pidfd on this process's loop."""

    name = "floor"
    about = "in this process: posix_spawn, pipes and a pidfd on uvloop; no server, no network"
    abilities = frozenset(Ability) - {Ability.SERVE}

    def check(self) -> None:
        pass

    async def start(self, directory: Path) -> None:
        pass

    def stop(self) -> None:
        pass

    async def connect(self) -> Connection:
        return LocalConnection()


class LocalConnection(Connection):
    """Starts children."""

    async def start(self, argv: Sequence[str], take: Take, *, stdin: bool = False) -> Running:
        return LocalProcess(argv, take, stdin=stdin)

    async def close(self) -> None:
        pass


class LocalProcess(Running):
    """A child and the readers of its pipes."""

    def __init__(self, argv: Sequence[str], take: Take, *, stdin: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[int] = self._loop.create_future()
        self._take = take
        self._exit_code: int | None = None
        self._open_outputs = 2
        self._wide: set[int] = set()
        self._stdin = -1
        child_in = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        if stdin:
            os.close(child_in)
            child_in, self._stdin = os.pipe2(os.O_CLOEXEC)
        out, child_out = os.pipe2(os.O_CLOEXEC)
        err, child_err = os.pipe2(os.O_CLOEXEC)
        self._pid = os.posix_spawn(
            argv[0],
            list(argv),
            _ENVIRONMENT,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, child_in, 0),
                (os.POSIX_SPAWN_DUP2, child_out, 1),
                (os.POSIX_SPAWN_DUP2, child_err, 2),
            ],
            setsid=True,
            # Python ignores it, and children would inherit that.
            setsigdef=[signal.SIGPIPE],
        )
        for fd in (child_in, child_out, child_err):
            os.close(fd)
        self._pidfd = os.pidfd_open(self._pid)
        self._loop.add_reader(self._pidfd, self._on_exit)
        for fd in (out, err):
            os.set_blocking(fd, False)
            self._loop.add_reader(fd, self._on_output, fd)

    async def write(self, data: bytes) -> None:
        os.write(self._stdin, data)

    async def ended(self) -> int:
        return await self._end

    async def stop(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        await self._end

    def _on_output(self, fd: int) -> None:
        try:
            data = os.read(fd, _PIECE_BYTES)
        except BlockingIOError:
            return
        if data:
            if len(data) >= _MUCH_BYTES and fd not in self._wide:
                # For a command that prints little it would cost more than it gives.
                self._wide.add(fd)
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            self._take(data)
            return
        self._loop.remove_reader(fd)
        os.close(fd)
        self._open_outputs -= 1
        self._check_end()

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        _, status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._exit_code = code if code >= 0 else 128 - code
        self._check_end()

    def _check_end(self) -> None:
        if self._exit_code is not None and not self._open_outputs:
            if self._stdin >= 0:
                os.close(self._stdin)
                self._stdin = -1
            self._end.set_result(self._exit_code)
