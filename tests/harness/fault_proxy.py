"""A network that fails on command: a proxy between a client and a server.

Everything is a callback on the event loop: a fault acts at once and exactly where it is asked for,
and `close` leaves nothing behind.
"""

import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.harness.deadline import DEADLINE_S, eventually

_READ_BYTES = 65_536
_BUFFER_BYTES = 262_144
_BACKLOG = 512
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close(2) sends RST and drops what is unsent

Direction = Literal["server", "client"]
"""Who sends: `server` bytes go to the client."""


class FaultProxy:
    """Forwards bytes to a target as it is told; made by `fault_proxy`.

    Attributes:
        url: Where clients connect to, of the same kind as the target's.
        connections: How many clients have connected so far.
        forwarded_bytes: How many bytes of each sender were forwarded so far, over all connections.
        delay_s: How long every byte takes.
        bytes_per_s: How fast each direction of a connection is; `None` for no limit.
    """

    def __init__(self, target: str, socket_path: Path | None) -> None:
        self.connections = 0
        self.forwarded_bytes: dict[Direction, int] = {"server": 0, "client": 0}
        self.delay_s = 0.0
        self.bytes_per_s: int | None = None
        self._loop = asyncio.get_running_loop()
        self._target = target
        self._cut_at: dict[Direction, int | None] = {"server": None, "client": None}
        self._cut: asyncio.Future[None] | None = None
        self._is_stalled = False
        self._links: set[_Link] = set()
        self._address = str(socket_path) if socket_path is not None else ("127.0.0.1", 0)
        self._listener: socket.socket | None = None
        self.accept()
        self.url = (
            f"unix:{self._address}"
            if isinstance(self._address, str)
            else f"{target.partition(':')[0]}://127.0.0.1:{self._address[1]}"
        )

    @property
    def open_connections(self) -> int:
        """How many connections there are now."""
        return len(self._links)

    def cut(self) -> None:
        """Reset every connection now (RST to both sides; on a Unix socket an abrupt end).

        A cut that `cut_after` was asked for is thereby done.
        """
        self._cut_at = {"server": None, "client": None}
        for link in list(self._links):
            link.close(reset=True)
        if self._cut is not None and not self._cut.done():
            self._cut.set_result(None)

    def hang_up(self) -> None:
        """End every connection now in an orderly way (FIN), but without a WebSocket close."""
        for link in list(self._links):
            link.close(reset=False)

    def cut_after(
        self, *, server_bytes: int | None = None, client_bytes: int | None = None
    ) -> asyncio.Future[None]:
        """Cut once exactly so many further bytes of a sender were forwarded.

        The returned future is done when it happened; it need not be awaited. One at a time.
        """
        assert (server_bytes or 0) + (client_bytes or 0) > 0, "say after how many bytes"
        assert server_bytes is None or client_bytes is None, "say one of the two"
        assert self._cut is None or self._cut.done(), "a cut is pending already"
        sender: Direction = "server" if server_bytes is not None else "client"
        self._cut_at[sender] = self.forwarded_bytes[sender] + (server_bytes or client_bytes or 0)
        self._cut = self._loop.create_future()
        return self._cut

    def forget_cut(self) -> None:
        """Take back what `cut_after` was asked for, if it has not happened yet."""
        self._cut_at = {"server": None, "client": None}
        if self._cut is not None:
            self._cut.cancel()

    def refuse(self) -> None:
        """Refuse new connections; the present ones go on."""
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
            if isinstance(self._address, str):
                os.unlink(self._address)

    def accept(self) -> None:
        """Take new connections again, at the same address."""
        if self._listener is not None:
            return
        is_unix = isinstance(self._address, str)
        listener = socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET)
        try:
            listener.setblocking(False)
            if not is_unix:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self._address)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        self._address = listener.getsockname()
        self._listener = listener
        self._loop.add_reader(listener, self._accept_one, listener)

    def stall(self) -> None:
        """Forward nothing from now on, as if the network had swallowed everything.

        Nobody is told: connections stay open, and new ones are taken and say nothing.
        """
        self._is_stalled = True
        for link in self._links:
            link.update()

    def resume(self) -> None:
        """Forward again, first what came in the meantime."""
        self._is_stalled = False
        for link in list(self._links):
            link.update()

    async def until_connections(self, count: int) -> None:
        """Wait until so many clients have connected, counted from the beginning."""
        await eventually(lambda: self.connections >= count, what=f"connection number {count}")

    def close(self) -> None:
        """End everything."""
        self.refuse()
        self.forget_cut()
        self.cut()

    # What the links ask of it.

    @property
    def is_stalled(self) -> bool:
        """Whether nothing is forwarded."""
        return self._is_stalled

    def allowance_bytes(self, sender: Direction) -> int:
        """Return how many bytes of a sender may be forwarded before a cut is due."""
        cut_at = self._cut_at[sender]
        return _READ_BYTES if cut_at is None else cut_at - self.forwarded_bytes[sender]

    def count_forwarded(self, sender: Direction, count: int) -> None:
        """Note what was forwarded, and cut if that was due."""
        self.forwarded_bytes[sender] += count
        if self.forwarded_bytes[sender] == self._cut_at[sender]:
            self.cut()

    def forget(self, link: "_Link") -> None:
        """Note that a link is closed."""
        self._links.discard(link)

    def _accept_one(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return  # that client is gone already
        self.connections += 1
        try:
            server = self._connect()
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client.close()
            return
        link = _Link(self, self._loop, client, server)
        self._links.add(link)
        link.update()

    def _connect(self) -> socket.socket:
        # Blocking, but on this machine only: the target's kernel answers at once.
        scheme, _, rest = self._target.partition(":")
        if scheme == "unix":
            server = socket.socket(socket.AF_UNIX)
            server.settimeout(DEADLINE_S)
            try:
                server.connect(rest)
            except BaseException:
                server.close()
                raise
            return server
        host, _, port = rest.removeprefix("//").rstrip("/").rpartition(":")
        return socket.create_connection((host, int(port)), timeout=DEADLINE_S)


class _Link:
    """One client's connection and the one to the target that belongs to it."""

    def __init__(
        self,
        proxy: FaultProxy,
        loop: asyncio.AbstractEventLoop,
        client: socket.socket,
        server: socket.socket,
    ) -> None:
        self._proxy = proxy
        self._sockets = (client, server)
        for end in self._sockets:
            end.setblocking(False)
            if end.family == socket.AF_INET:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pipes = (
            _Pipe(proxy, self, loop, "client", client, server),
            _Pipe(proxy, self, loop, "server", server, client),
        )
        self._is_closed = False

    def update(self) -> None:
        """Act on a changed fault."""
        for pipe in self._pipes:
            if not self._is_closed:
                pipe.update()

    def end_if_done(self) -> None:
        """Close once both directions have ended."""
        if all(pipe.has_ended for pipe in self._pipes):
            self.close(reset=False)

    def close(self, *, reset: bool) -> None:
        """Close both sockets; idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        for pipe in self._pipes:
            pipe.close()
        for end in self._sockets:
            if reset and end.family == socket.AF_INET:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.close()
        self._proxy.forget(self)


class _Pipe:
    """One direction of a link: a queue of bytes, each piece with the time when it is due."""

    def __init__(
        self,
        proxy: FaultProxy,
        link: _Link,
        loop: asyncio.AbstractEventLoop,
        sender: Direction,
        source: socket.socket,
        sink: socket.socket,
    ) -> None:
        self._proxy = proxy
        self._link = link
        self._loop = loop
        self._sender: Direction = sender
        self._source = source
        self._sink = sink
        self._queue: deque[tuple[float, bytes]] = deque()
        self._queued_bytes = 0
        self._read_again_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_reading = False
        self._is_writing = False
        self._is_closed = False
        self._source_ended = False
        self.has_ended = False

    def update(self) -> None:
        """Forward what is due, then wait for whatever comes next: bytes, room or time."""
        if self._is_closed:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._forward():
            return
        now = self._loop.time()
        may_forward = not self._proxy.is_stalled
        head_is_due = bool(self._queue) and self._queue[0][0] <= now
        may_read = may_forward and not self._source_ended and self._queued_bytes < _BUFFER_BYTES
        self._watch(read=may_read and self._read_again_at <= now, write=may_forward and head_is_due)
        times: list[float] = []
        if may_forward and self._queue and not head_is_due:
            times.append(self._queue[0][0])
        if may_read and self._read_again_at > now:
            times.append(self._read_again_at)
        if times:
            self._timer = self._loop.call_at(min(times), self.update)

    def close(self) -> None:
        """Watch nothing any more."""
        self._is_closed = True
        self._watch(read=False, write=False)
        if self._timer is not None:
            self._timer.cancel()

    def _watch(self, *, read: bool, write: bool) -> None:
        if read != self._is_reading:
            self._is_reading = read
            if read:
                self._loop.add_reader(self._source, self._read)
            else:
                self._loop.remove_reader(self._source)
        if write != self._is_writing:
            self._is_writing = write
            if write:
                self._loop.add_writer(self._sink, self.update)
            else:
                self._loop.remove_writer(self._sink)

    def _read(self) -> None:
        rate = self._proxy.bytes_per_s
        # A slow line is a little at a time, not much with long pauses.
        most = _READ_BYTES if rate is None else max(1, min(_READ_BYTES, rate // 50))
        try:
            data = self._source.recv(most)
        except BlockingIOError:
            return
        except OSError:
            self._link.close(reset=True)
            return
        now = self._loop.time()
        if data:
            self._queue.append((now + self._proxy.delay_s, data))
            self._queued_bytes += len(data)
            if rate is not None:
                self._read_again_at = now + len(data) / rate
        else:
            self._source_ended = True
        self.update()

    def _forward(self) -> bool:
        """Forward what is due; tell whether the link is still there."""
        while self._queue and not self._proxy.is_stalled:
            due, data = self._queue[0]
            if due > self._loop.time():
                return True
            try:
                count = self._sink.send(data[: self._proxy.allowance_bytes(self._sender)])
            except BlockingIOError:
                return True
            except OSError:
                self._link.close(reset=True)
                return False
            if count == len(data):
                self._queue.popleft()
            else:
                self._queue[0] = (due, data[count:])
            self._queued_bytes -= count
            self._proxy.count_forwarded(self._sender, count)
            if self._is_closed:
                return False
        may_end = self._source_ended and not self._queue and not self._proxy.is_stalled
        if may_end and not self.has_ended:
            self.has_ended = True
            try:
                self._sink.shutdown(socket.SHUT_WR)
            except OSError:
                self._link.close(reset=True)
                return False
            self._link.end_if_done()
        return not self._is_closed


@contextmanager
def fault_proxy(target: str, socket_path: Path | None = None) -> Generator[FaultProxy]:
    """Stand in front of `target` (`ws://HOST:PORT`, `wss://…` or `unix:PATH`) until the block ends.

    Args:
        socket_path: Listen on this Unix socket instead of on a free loopback port.
    """
    proxy = FaultProxy(target, socket_path)
    try:
        yield proxy
    finally:
        proxy.close()
