"""The socket between the supervisor and a worker: messages, each with at most one descriptor."""

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Callable

import msgspec

from telexec_service.workers.messages import Message

MAX_MESSAGE_BYTES = 256 * 1024
"""How large a message may be."""

MAX_UNSENT = 256
"""How many messages may wait for the other side; more are an error."""

CONGESTED = 16
"""With so many waiting, connections should go elsewhere."""

_MESSAGES_IN_A_ROW = 64
_RETRY_S = 0.05
_DESCRIPTOR = struct.Struct("@i")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Message).decode


class ChannelError(Exception):
    """The other side takes no messages any more, or none of this size."""


def make_pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a channel; each keeps messages apart (unix(7), SOCK_SEQPACKET)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        # The system gives as much of it as it may; a message has to find room in it.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_MESSAGE_BYTES)
    return ours, theirs


def receive(endpoint: socket.socket) -> tuple[bytes, int | None]:
    """Return the next message and the descriptor that came with it; b"": the other side is gone.

    What is started from here on does not inherit the descriptor. (`socket.recv_fds` takes flags and
    does not pass them on.)

    Raises:
        BlockingIOError: There is none now.
        OSError: The other side is gone.
    """
    data, ancillary, _flags, _address = endpoint.recvmsg(
        MAX_MESSAGE_BYTES, socket.CMSG_SPACE(_DESCRIPTOR.size), socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            (descriptor,) = _DESCRIPTOR.unpack(content)
            return data, descriptor
    return data, None


class Channel:
    """One end.

    Args:
        endpoint: The channel's from here on.
        take: Called with each message and the descriptor that came with it, which it then owns.
        on_end: Called once when the other side is gone.
    """

    def __init__(
        self,
        endpoint: socket.socket,
        take: Callable[[Message, int | None], None],
        on_end: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._endpoint = endpoint
        self._take = take
        self._on_end = on_end
        self._unsent: deque[tuple[bytes, int | None]] = deque()
        self._retry: asyncio.TimerHandle | None = None
        self._is_closed = False
        endpoint.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._loop.add_reader(endpoint.fileno(), self._read)

    @property
    def is_congested(self) -> bool:
        """Whether the other side is behind."""
        return len(self._unsent) >= CONGESTED

    def send(self, message: Message, descriptor: int | None = None) -> None:
        """Send a message, now or as soon as there is room; the descriptor is the channel's.

        To a side that is gone nothing is said.

        Raises:
            ChannelError: Too many messages wait.
        """
        if self._is_closed or len(self._unsent) >= MAX_UNSENT:
            _close(descriptor)
            if self._is_closed:
                return
            raise ChannelError(f"cannot send a message: {MAX_UNSENT} wait already")
        self._unsent.append((_encode(message), descriptor))
        if len(self._unsent) == 1:
            self._write()

    def drain(self) -> None:
        """Take what the other side said before it ended."""
        while not self._is_closed:
            self._read()

    def close(self) -> None:
        """Say and take nothing any more. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self._endpoint.fileno())
        self._loop.remove_writer(self._endpoint.fileno())
        if self._retry is not None:
            self._retry.cancel()
        self._endpoint.close()
        while self._unsent:
            _close(self._unsent.popleft()[1])

    def _write(self) -> None:
        self._retry = None
        while self._unsent:
            data, descriptor = self._unsent[0]
            try:
                socket.send_fds(self._endpoint, [data], [] if descriptor is None else [descriptor])
            except BlockingIOError:
                self._loop.add_writer(self._endpoint.fileno(), self._write)
                return
            except OSError as error:
                if error.errno in {errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM}:
                    # Too many descriptors are under way (unix(7)), or there is no memory for now.
                    self._loop.remove_writer(self._endpoint.fileno())
                    self._retry = self._loop.call_later(_RETRY_S, self._write)
                    return
                if error.errno == errno.EMSGSIZE:
                    self._unsent.popleft()
                    _close(descriptor)
                    raise ChannelError(f"cannot send a message of {len(data)} bytes") from error
                # It is gone; the reader learns of it, too, and has the rest to read first.
                self._drop_unsent()
                return
            self._unsent.popleft()
            _close(descriptor)
        self._loop.remove_writer(self._endpoint.fileno())

    def _read(self) -> None:
        for _ in range(_MESSAGES_IN_A_ROW):
            if self._is_closed:
                return
            try:
                data, descriptor = receive(self._endpoint)
            except BlockingIOError:
                return
            except OSError:
                data, descriptor = b"", None
            if not data:
                self.close()
                self._on_end()
                return
            self._take(_decode(data), descriptor)

    def _drop_unsent(self) -> None:
        self._loop.remove_writer(self._endpoint.fileno())
        while self._unsent:
            _close(self._unsent.popleft()[1])


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        with contextlib.suppress(OSError):
            os.close(descriptor)
