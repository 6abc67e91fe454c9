"""A datagram socket as systemd has one: it takes what services say of themselves."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager

from tests.harness.deadline import within

MESSAGE_BYTES = 65_536


class NotifySocket:
    """What came over a socket, in its order.

    Attributes:
        address: What `NOTIFY_SOCKET` is to say.
    """

    def __init__(self, address: str, endpoint: socket.socket) -> None:
        self.address = address
        self._endpoint = endpoint

    async def message(self) -> dict[str, str]:
        """Wait for the next message and return what it assigns."""
        loop = asyncio.get_running_loop()
        data = await within(
            loop.sock_recv(self._endpoint, MESSAGE_BYTES), what="a message to systemd"
        )
        return dict(line.split("=", 1) for line in data.decode().split("\n"))

    def is_silent(self) -> bool:
        """Whether nothing came that was not taken yet."""
        try:
            self._endpoint.recv(MESSAGE_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        return False

    async def until(self, name: str) -> dict[str, str]:
        """Return the next message that assigns `name`; others before it are dropped."""
        while name not in (message := await self.message()):
            pass
        return message


@contextmanager
def notify_socket(address: str) -> Generator[NotifySocket]:
    """Listen on a path, or on the abstract name after an `@`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as endpoint:
        endpoint.setblocking(False)
        endpoint.bind("\0" + address[1:] if address.startswith("@") else address)
        yield NotifySocket(address, endpoint)
