"""Telling systemd how the service is: datagrams to the socket that it names (sd_notify(3))."""

import asyncio
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from telexec_service.core import systemd_messages

UNSENT_MESSAGES = 16
"""How many wait while systemd takes none; the oldest of more is dropped, the newest says it all."""

SEND_TIMEOUT_S = 5.0
"""How long systemd may take for one message."""


class Systemd:
    """Says what the service does to systemd, if that started it and wants to know.

    Nothing here fails, and only `run` waits: what cannot be said is logged and left out.

    Args:
        told: The environment that the service was started with.
        log: A structlog logger.
        is_well: Whether signs of life may be given, asked before each.
    """

    def __init__(
        self, told: Mapping[str, str], log: Any, is_well: Callable[[], bool] = lambda: True
    ) -> None:
        self._log = log
        self._is_well = is_well
        self._address = systemd_messages.socket_address(told)
        # A wrapper that systemd started and that started this has the number that systemd knows.
        self._interval_s = systemd_messages.watchdog_interval_s(told, (os.getpid(), os.getppid()))
        self._url: str | None = None
        self._is_serving = False
        self._unsent: deque[str] = deque(maxlen=UNSENT_MESSAGES)
        self._has_unsent = asyncio.Event()

    def ready(self, url: str | None) -> None:
        """Say that clients can connect at an address (None: over standard input and output)."""
        self._url = url
        self._is_serving = True
        self._say(systemd_messages.ready(url))

    def reloading(self) -> None:
        """Say that files are being read again; `reloaded` follows."""
        # Who is not ready yet, or ends, does not become ready by a reload.
        if self._is_serving:
            self._say(systemd_messages.reloading(time.monotonic_ns() // 1000))

    def reloaded(self) -> None:
        """Say that the reload is over."""
        if self._is_serving:
            self._say(systemd_messages.ready(self._url))

    def stopping(self, drain_s: float, longest_s: float) -> None:
        """Say that the service drains for `drain_s` and ends within `longest_s`."""
        self._is_serving = False
        self._say(systemd_messages.stopping(drain_s, longest_s))

    async def run(self) -> None:
        """Send what is said, and signs of life where systemd wants them, until it is cancelled."""
        if self._address is None:
            return
        clock = asyncio.get_running_loop().time
        due_at = None if self._interval_s is None else clock() + self._interval_s
        while True:
            try:
                async with asyncio.timeout_at(due_at):
                    await self._has_unsent.wait()
            except TimeoutError:
                if self._is_well():
                    self._say(systemd_messages.alive())
                due_at = clock() + (self._interval_s or 0)
            self._has_unsent.clear()
            while self._unsent:
                await self._send(self._address, self._unsent.popleft())

    def _say(self, message: str) -> None:
        if self._address is not None:
            self._unsent.append(message)
            self._has_unsent.set()

    async def _send(self, address: str, message: str) -> None:
        # A socket for each: whoever listens may have been started anew since the last.
        data = message.encode("utf-8", "backslashreplace")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as endpoint:
            endpoint.setblocking(False)  # noqa: FBT003 - the standard library's signature
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    endpoint.connect(address)
                    await asyncio.get_running_loop().sock_sendall(endpoint, data)
            except OSError as error:
                # A TimeoutError is one, too.
                self._log.warning("systemd.unreachable", error=str(error) or "it takes no message")
