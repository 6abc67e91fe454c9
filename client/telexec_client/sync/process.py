"""A process on a host, for programs without an event loop."""

from telexec_client.errors import TelexecError
from telexec_client.process import FollowedProcess as AsyncFollowedProcess
from telexec_client.process import Process as AsyncProcess
from telexec_client.process.buffer import OutputSink
from telexec_client.sync.facade import Facade, HeldFacade
from telexec_client.sync.loop_thread import LoopThread
from telexec_client.sync.output import OutputStream
from telexec_schemas.environment import EnvironmentSummary
from telexec_schemas.process import Usage


class FollowedProcess(HeldFacade):
    """See `telexec_client.FollowedProcess`; leaving a `with` leaves it running.

    Attributes:
        process_id: Names it in its session.
        argv: What was started.
        pid: Its number on the host; `None` if the host does not tell.
        stdout: Its output: `for data in process.stdout`, or `process.stdout.read()`. A process on a
            PTY has all its output here.
        stderr: Its other output.
    """

    def __init__(self, thread: LoopThread, process: AsyncFollowedProcess) -> None:
        super().__init__(thread, process)
        self.process_id = process.process_id
        self.argv = process.argv
        self.pid = process.pid
        self.stdout = OutputStream(thread, process.stdout)
        self.stderr = OutputStream(thread, process.stderr)
        self._followed = process

    @property
    def exit_code(self) -> int | None:
        """How it ended, 128+N after death by signal N; `None` while it runs."""
        return self._followed.exit_code

    @property
    def usage(self) -> Usage | None:
        """What it cost; `None` while it runs, and if the host does not tell."""
        return self._followed.usage

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come: its output is closed, or it cannot be followed."""
        return self._followed.is_over

    @property
    def failure(self) -> TelexecError | None:
        """Why it cannot be followed any more; `None` if nothing went wrong."""
        return self._followed.failure

    def deliver_to(self, sink: OutputSink) -> None:
        """Give `sink` all output as it comes, instead of holding it.

        It is called in the client's own thread, where it must not wait for anything. See
        `telexec_client.FollowedProcess.deliver_to`.
        """
        self._thread.call(lambda: self._followed.deliver_to(sink))

    changed = Facade._waiting(AsyncFollowedProcess.changed)
    output = Facade._iterating(AsyncFollowedProcess.output)
    lines = Facade._iterating(AsyncFollowedProcess.lines)
    wait = Facade._waiting(AsyncFollowedProcess.wait)
    detach = Facade._at_once(AsyncFollowedProcess.detach)

    def _leave(self) -> None:
        self.detach()


class Process(FollowedProcess):
    """See `telexec_client.Process`; leaving a `with` ends it.

    Attributes:
        environment: By which of the host's rules its environment was made, and how many variables
            came from where; `None` if the host does not tell.
    """

    def __init__(self, thread: LoopThread, process: AsyncProcess) -> None:
        super().__init__(thread, process)
        self.environment: EnvironmentSummary | None = process.environment

    write = Facade._waiting(AsyncProcess.write)
    close_stdin = Facade._waiting(AsyncProcess.close_stdin)
    signal = Facade._waiting(AsyncProcess.signal)
    terminate = Facade._waiting(AsyncProcess.terminate)
    resize = Facade._waiting(AsyncProcess.resize)
    wait = Facade._waiting(AsyncProcess.wait)
    communicate = Facade._waiting(AsyncProcess.communicate)
    detach = Facade._at_once(AsyncProcess.detach)
    close = Facade._waiting(AsyncProcess.close)

    def _leave(self) -> None:
        self.close()


class AttachedProcess(Process):
    """The same, but leaving a `with` leaves it running."""

    def _leave(self) -> None:
        self.detach()
