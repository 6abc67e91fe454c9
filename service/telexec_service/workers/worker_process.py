"""One worker as the supervisor sees it: a child, and the channel to it."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping

from telexec_service.observability.numbers import Numbers
from telexec_service.processes.reaper import Reaper
from telexec_service.workers.channel import Channel, ChannelError, make_pair
from telexec_service.workers.messages import Failed, Message, Order, Ready, Serve

_CHANNEL = 3
_PACKAGES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop(1));"
    "from telexec_service.entry import main_of_worker; main_of_worker()"
)
_ALL_SIGNALS = tuple(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


class WorkerProcess:
    """A worker from its start until it was waited for.

    Args:
        order: What it is to serve.
        environment: The service's own.
        memory: A descriptor of what all workers share of their tallies.
        reaper: Is told that this child is waited for here.
        on_message: Called with each message and the descriptor that came with it.
        on_end: Called once, when the process has ended.

    Attributes:
        slot: Which one it is.
        pid: Its process id.
        is_ready: Whether connections may be given to it.
        given: The number of the last connection that was.
        numbers: What it last said of itself.
        is_silent: Whether it was asked for its numbers and has not answered yet.
        owes: Which other workers have asked it something that it has not answered yet.
        failure: Why it cannot serve, if it said so.
        exit_code: Negative for a signal; None as long as it runs.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self,
        order: Serve,
        environment: Mapping[str, str],
        memory: int,
        *,
        reaper: Reaper,
        on_message: Callable[["WorkerProcess", Message, int | None], None],
        on_end: Callable[["WorkerProcess"], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._reaper = reaper
        self._on_message = on_message
        self._on_end = on_end
        self._started_s = self._loop.time()
        self.slot = order.slot
        self.is_ready = False
        self.given = 0
        self.numbers: Numbers | None = None
        self.is_silent = False
        self.owes: set[int] = set()
        self.failure: str | None = None
        self.exit_code: int | None = None
        ours, theirs = make_pair()
        try:
            self.pid = _spawn(theirs.fileno(), environment)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        reaper.announce(self.pid)
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._reap)
        self._channel = Channel(ours, self._take, self._lose_channel)
        self._channel.send(order, os.dup(memory))

    @property
    def takes_connections(self) -> bool:
        """Whether a connection may be given to it now."""
        return self.is_ready and not self._channel.is_congested

    @property
    def ran_s(self) -> float:
        """How long it has been there."""
        return self._loop.time() - self._started_s

    def tell(self, order: Order, descriptor: int | None = None) -> None:
        """Say something to it; one that takes nothing any more is killed."""
        try:
            self._channel.send(order, descriptor)
        except ChannelError:
            self.kill()

    def kill(self) -> None:
        """End it at once, and with it all that runs in it."""
        self.is_ready = False
        if self.exit_code is None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _take(self, message: Message, descriptor: int | None) -> None:
        if isinstance(message, Ready):
            self.is_ready = True
        elif isinstance(message, Failed):
            self.failure = message.why
        self._on_message(self, message, descriptor)

    def _lose_channel(self) -> None:
        # It ends, or has closed what it cannot do without.
        self.is_ready = False

    def _reap(self) -> None:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return
        self.exit_code = os.waitstatus_to_exitcode(status)
        self.is_ready = False
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._reaper.forget(pid)
        # What it said last may still be there to be read.
        self._channel.drain()
        self._channel.close()
        self._on_end(self)


def _spawn(channel: int, environment: Mapping[str, str]) -> int:
    options = ["-P", *(["-X", "utf8"] if sys.flags.utf8_mode else [])]
    return os.posix_spawn(
        sys.executable,
        [sys.executable, *options, "-c", _PROGRAM, _PACKAGES, str(os.getpid())],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, channel, _CHANNEL),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        ],
        setsigmask=(),
        setsigdef=_ALL_SIGNALS,
    )
