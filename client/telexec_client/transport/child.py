"""A local program that we talk to and that ends with us."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence

GOODBYE_TIMEOUT_S = 10.0
"""How long a program may take to end once its input has ended, before it is killed.

Longer than a service needs to end the processes it started.
"""


class Child:
    """A running program with the given descriptors as stdin and stdout, and our stderr.

    It has a session of its own: a ^C on our terminal is for us to pass on, not for it.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], stdin: int, stdout: int
    ) -> None:
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            argv, env=dict(env), stdin=stdin, stdout=stdout, start_new_session=True
        )
        self._exit_fd = os.pidfd_open(self._process.pid)
        self._exited = asyncio.Event()
        self._on_exit: Callable[[], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._exit_fd, self._note_exit)

    @property
    def exit_status(self) -> int | None:
        """How it ended, -N by signal N; `None` while it runs."""
        return self._process.poll()

    def on_exit(self, callback: Callable[[], None]) -> None:
        """Call `callback` when it has ended, from the event loop; at once if it has already."""
        self._on_exit = callback
        if self._exited.is_set():
            callback()

    async def reap(self) -> None:
        """Wait for its end under a deadline, then make sure of it. Idempotent."""
        try:
            async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                await self._exited.wait()
        except TimeoutError:
            pass  # It had its time.
        finally:
            self.kill()

    def kill(self) -> None:
        """End it now and leave nothing of it. Idempotent."""
        if self._exit_fd < 0:
            return
        self._loop.remove_reader(self._exit_fd)
        os.close(self._exit_fd)
        self._exit_fd = -1
        if self._process.poll() is None:
            self._process.kill()
        # After a KILL this does not take long enough to matter.
        self._process.wait()
        self._exited.set()

    def _note_exit(self) -> None:
        self._loop.remove_reader(self._exit_fd)
        self._process.poll()
        self._exited.set()
        if self._on_exit is not None:
            self._on_exit()
