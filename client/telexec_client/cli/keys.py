"""Forwarding the keys that are typed at a terminal in raw mode."""

import asyncio
from collections.abc import Callable

from telexec_client.cli.descriptors import READ_BYTES
from telexec_client.cli.escape_keys import EscapeAction, EscapeKeys
from telexec_client.cli.stdin import StdinSource
from telexec_client.errors import ProcessNotFoundError, StdinClosedError
from telexec_client.process import Process

STUCK_AFTER_S = 2.0
"""How long a host may take keys to be no longer waited for by who wants to leave."""

INTERRUPTS_TO_LEAVE = 3

_INTERRUPT_KEY = b"\x03"


class Keys:
    """What is typed, read also while the host takes nothing.

    In raw mode ^C is a key like any other and goes to the host. When that is gone or hangs, nobody
    else would see it: then the third one leaves.

    Args:
        source: The keys.
        leave: Ends this program at once.
        escapes: Says which keys are not for the host.
        act: Does what those ask for.
        detaches_at_end: Whether the process is left when no keys can come any more, and its input
            is not ended.
    """

    def __init__(
        self,
        source: StdinSource,
        *,
        leave: Callable[[], None],
        escapes: EscapeKeys,
        act: Callable[[EscapeAction], None],
        detaches_at_end: bool,
    ) -> None:
        self._source = source
        self._leave = leave
        self._escapes = escapes
        self._act = act
        self._detaches_at_end = detaches_at_end
        self._loop = asyncio.get_running_loop()
        self._typed = bytearray()
        self._has_ended = False
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._writing_since: float | None = None
        self._interrupts = 0
        self._is_leaving = False

    async def forward(self, process: Process) -> None:
        """Write keys to `process` as they are typed, and end its input when they end.

        Raises:
            StdinUnreadableError: They cannot be read.
        """
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(), name="keys")
            try:
                while not self._has_ended or self._typed:
                    await self._write(process)
                if self._detaches_at_end:
                    self._act(EscapeAction.DETACH)
                else:
                    await process.close_stdin()
            except (StdinClosedError, ProcessNotFoundError):
                pass  # It has ended, or wants no more.
            finally:
                reading.cancel()

    async def _write(self, process: Process) -> None:
        await self._has_news.wait()
        self._has_news.clear()
        data = bytes(self._typed)
        self._typed.clear()
        self._has_room.set()
        if data:
            self._writing_since = self._loop.time()
            await process.write(data)
            self._writing_since = None
            self._interrupts = 0
        if self._is_leaving and not self._typed:
            self._act(EscapeAction.DETACH)

    async def _read(self) -> None:
        while data := await self._source.read():
            for part in self._escapes.sort(data):
                if isinstance(part, bytes):
                    self._typed += part
                    self._has_news.set()
                elif part is EscapeAction.DETACH and not self._is_leaving:
                    # What was typed before goes first; who asks again does not want to wait for it.
                    self._is_leaving = True
                    self._has_news.set()
                else:
                    self._act(part)
            self._count_interrupts(data)
            while len(self._typed) >= READ_BYTES:
                self._has_room.clear()
                await self._has_room.wait()
        self._has_ended = True
        self._has_news.set()

    def _count_interrupts(self, data: bytes) -> None:
        since = self._writing_since
        # Held down on a slow connection, ^C comes more often than the host answers.
        if since is None or self._loop.time() - since < STUCK_AFTER_S:
            return
        self._interrupts += data.count(_INTERRUPT_KEY)
        if self._interrupts >= INTERRUPTS_TO_LEAVE:
            self._leave()
