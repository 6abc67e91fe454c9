"""A terminal with a person at it: a PTY, what is on its screen, and a program that runs in it."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import pyte

from tests.harness.deadline import within

_READ_BYTES = 65536


class Screen(pyte.Screen):
    """A screen that does not stumble over what xterm's own control sequences ask for."""

    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        """Change how text looks; private ones (CSI > … m) are about keys, and pyte knows none."""
        if not private:
            super().select_graphic_rendition(*attributes)


class Terminal:
    """A terminal, drawn as a person sees it.

    `running` runs a program in its foreground. What is on the screen is taken from the PTY as it
    comes, so nothing waits for a reader.
    """

    def __init__(self, controller: int, terminal: int, rows: int, columns: int) -> None:
        self._controller = controller
        self._terminal = terminal
        self._screen = Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._has_changed = asyncio.Event()
        self._shown = b""
        set_size(controller, rows, columns)

    @property
    def screen(self) -> str:
        """What a person sees, lines and all."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    @property
    def shown(self) -> bytes:
        """All that came so far, with its control sequences."""
        return self._shown

    @property
    def settings(self) -> str:
        """What stty says of it, but for its size."""
        said = subprocess.run(
            ["stty", "-a"], stdin=self._terminal, capture_output=True, check=True, text=True
        )
        return re.sub(r"rows \d+; columns \d+; ", "", said.stdout)

    @property
    def is_raw(self) -> bool:
        """Whether keys go through as they are typed, without echo."""
        flags = termios.tcgetattr(self._terminal)[3]
        return not flags & (termios.ICANON | termios.ECHO | termios.ISIG)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._controller, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Give it another size."""
        self._screen.resize(rows, columns)
        set_size(self._controller, rows, columns)

    async def shows(self, text: str) -> None:
        """Wait until `text` is on the screen."""
        await self.until(lambda: text in self.screen, what=repr(text))

    async def shows_no(self, text: str) -> None:
        """Wait until `text` is not on the screen."""
        await self.until(lambda: text not in self.screen, what=f"the end of {text!r}")

    async def until(self, condition: Callable[[], bool], *, what: str) -> None:
        """Wait until something is so that changes with what is on the screen."""

        async def is_so() -> None:
            while not condition():
                self._has_changed.clear()
                await self._has_changed.wait()

        try:
            await within(is_so(), what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}; the screen is\n{self.screen}") from None

    def close(self) -> None:
        """Close it, as its window is closed: who runs in it is hung up. Idempotent."""
        if self._controller >= 0:
            asyncio.get_running_loop().remove_reader(self._controller)
            os.close(self._controller)
            self._controller = -1

    def read(self) -> None:
        """Draw what came."""
        try:
            data = os.read(self._controller, _READ_BYTES)
        except OSError:
            # Everybody has closed it for a moment: it can be opened again.
            return
        self._shown += data
        self._stream.feed(data)
        self._has_changed.set()

    @asynccontextmanager
    async def running(
        self, argv: Sequence[str], env: Mapping[str, str]
    ) -> "AsyncGenerator[InTerminal]":
        """Run a program in the foreground; it is killed if it still runs when the block ends."""
        # setsid -c makes the terminal on stdin the controlling one: SIGWINCH and ^C go by that.
        with subprocess.Popen(  # noqa: ASYNC220 - it takes a moment, and wait() is a thread's
            # What ran the tests in the background had it ignore ^C and ^\\.
            ["env", "--default-signal", "setsid", "-c", *argv],
            env=env,
            stdin=self._terminal,
            stdout=self._terminal,
            stderr=self._terminal,
        ) as process:
            try:
                yield InTerminal(process)
            finally:
                if process.poll() is None:
                    process.kill()


class InTerminal:
    """A program in the foreground of a terminal."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Signal it alone."""
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end and return its exit code, less than 0 if a signal ended it."""
        loop = asyncio.get_running_loop()
        waiting = loop.run_in_executor(None, self._process.wait)
        return await within(waiting, what="the program's end")


def set_size(fd: int, rows: int, columns: int) -> None:
    """Give a terminal a size."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@asynccontextmanager
async def terminal(rows: int = 24, columns: int = 80) -> AsyncGenerator[Terminal]:
    """Make a terminal."""
    controller, device = pty.openpty()
    made = Terminal(controller, device, rows, columns)
    try:
        asyncio.get_running_loop().add_reader(controller, made.read)
        yield made
    finally:
        made.close()
        os.close(device)
