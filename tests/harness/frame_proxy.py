"""A network that fails at a chosen frame: a proxy that knows where WebSocket frames begin and end.

Everything is forwarded frame by frame, text and binary alike; the head of the HTTP request and of
its answer count as a frame each. A plan of faults says which one does not get through whole.
"""

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tests.harness.fault_proxy import Direction

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close(2) sends RST and drops what is unsent
_LIMIT_BYTES = 2**20
_SWALLOWED_S = 0.15
"""How long a direction that swallows everything goes on before the connection is cut."""

Way = Literal["reset", "hang_up", "strand", "swallow"]
"""How a connection fails.

`reset`: RST to both sides. `hang_up`: FIN to both, behind what was forwarded. `strand`: RST to the
client; the server's end stays open and silent. `swallow`: the frame and all that its sender says
after it is lost, without a word, and the connection is cut a moment later.
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one frame.

    Attributes:
        sender: Whose frame.
        frame: Which one, counted from 0 since the fault before.
        part: How much of it gets through: nothing (0.0), all (1.0), or a part in between that is
            at least a byte and lacks at least one.
        way: What then becomes of the connection.
    """

    sender: Direction
    frame: int
    part: float
    way: Way


class FrameProxy:
    """Forwards frames to a service until a fault of the plan is due; made by `frame_proxy`.

    Attributes:
        url: Where clients connect to.
        connections: How many clients have connected so far.
        frames: How many frames of each sender came since the last fault.
        fired: The faults so far.
    """

    def __init__(self, target: str, plan: Iterable[Fault], rewrite: "Rewrite") -> None:
        self.url = ""
        self.connections = 0
        self.frames: dict[Direction, int] = {"server": 0, "client": 0}
        self.fired: list[Fault] = []
        host, _, port = target.removeprefix("ws://").rstrip("/").rpartition(":")
        self._host, self._port = host, int(port)
        self._plan = deque(plan)
        self._rewrite = rewrite

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Own one client's connection from its beginning to its end."""
        self.connections += 1
        try:
            server_reader, server_writer = await asyncio.open_connection(
                self._host, self._port, limit=_LIMIT_BYTES
            )
        except OSError:
            _reset(writer)
            return
        link = _Link(client=writer, server=server_writer)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._copy(link, "client", reader), name="from client")
                tasks.create_task(self._copy(link, "server", server_reader), name="from server")
        finally:
            link.reset()

    async def _copy(self, link: "_Link", sender: Direction, reader: asyncio.StreamReader) -> None:
        sink = link.server if sender == "client" else link.client
        is_head = True
        try:
            while True:
                read = await (_read_head(reader) if is_head else _read_frame(reader))
                frame = self._rewrite(sender, read)
                is_head = False
                if link.swallowed == sender:
                    continue
                fault = self._due(sender)
                if fault is None:
                    sink.write(frame)
                    await sink.drain()
                else:
                    sink.write(frame[: _part_bytes(fault.part, len(frame))])
                    await link.fail(fault)
        except (asyncio.IncompleteReadError, ConnectionError):
            # Whoever sends here is gone. A stranded server hears nothing of that.
            if not link.is_stranded:
                link.hang_up()

    def _due(self, sender: Direction) -> Fault | None:
        number = self.frames[sender]
        self.frames[sender] += 1
        if not self._plan or (self._plan[0].sender, self._plan[0].frame) != (sender, number):
            return None
        fault = self._plan.popleft()
        self.fired.append(fault)
        self.frames = {"server": 0, "client": 0}
        return fault


Rewrite = Callable[[Direction, bytes], bytes]
"""Gives the frame to forward for one that came."""


class _Link:
    """The two ends of one connection."""

    def __init__(self, *, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.swallowed: Direction | None = None
        self.is_stranded = False
        self._timer: asyncio.TimerHandle | None = None
        for writer in (client, server):
            end: socket.socket = writer.get_extra_info("socket")
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def fail(self, fault: Fault) -> None:
        """Do what a fault says."""
        if fault.way == "hang_up":
            self.hang_up()
        elif fault.way == "strand":
            self.is_stranded = True
            self.swallowed = "server"
            _reset(self.client)
        elif fault.way == "swallow":
            self.swallowed = fault.sender
            self._timer = asyncio.get_running_loop().call_later(_SWALLOWED_S, self.reset)
        else:
            # What got through is to arrive before the end does, as far as there is an order.
            await (self.server if fault.sender == "client" else self.client).drain()
            self.reset()

    def hang_up(self) -> None:
        """End both sides in an orderly way, but without a WebSocket close."""
        self.client.close()
        self.server.close()

    def reset(self) -> None:
        """End both sides at once. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        _reset(self.client)
        _reset(self.server)


def _reset(writer: asyncio.StreamWriter) -> None:
    end: socket.socket = writer.get_extra_info("socket")
    if end.fileno() >= 0:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def _part_bytes(part: float, size_bytes: int) -> int:
    if part in {0.0, 1.0}:
        return round(part * size_bytes)
    return min(max(int(part * size_bytes), 1), size_bytes - 1)


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    """Return one frame as it is on the wire (RFC 6455, section 5.2)."""
    header = await reader.readexactly(2)
    length = header[1] & 0x7F
    extended = b""
    if length >= 126:
        extended = await reader.readexactly(2 if length == 126 else 8)
        length = int.from_bytes(extended, "big")
    mask = 4 if header[1] & 0x80 else 0
    return header + extended + await reader.readexactly(mask + length)


def _payload(frame: bytes) -> bytes:
    size = frame[1] & 0x7F
    start = 2 + {126: 2, 127: 8}.get(size, 0)
    if not frame[1] & 0x80:
        return frame[start:]
    key = frame[start : start + 4]
    return bytes(byte ^ key[index % 4] for index, byte in enumerate(frame[start + 4 :]))


def _text_frame(payload: bytes, *, is_masked: bool) -> bytes:
    mask_bit, key = (0x80, b"\0\0\0\0") if is_masked else (0, b"")
    size = len(payload)
    if size < 126:
        head = bytes([0x81, mask_bit | size])
    else:
        head = bytes([0x81, mask_bit | 126]) + size.to_bytes(2, "big")
    return head + key + payload


def as_it_is(sender: Direction, frame: bytes) -> bytes:
    """Forward what came: the peers agree on binary frames."""
    return frame


def without_binary_frames(sender: Direction, frame: bytes) -> bytes:
    """Let the client believe that the host has no binary frames."""
    return _edited(frame, '"binaryFrames":true', _deny_binary) if sender == "server" else frame


def without_extensions(sender: Direction, frame: bytes) -> bytes:
    """Let the host believe that the client knows the base dialect only."""
    return _edited(frame, '"method":"initialize"', _ask_nothing) if sender == "client" else frame


def _edited(frame: bytes, mark: str, edit: Callable[[dict[str, Any]], None]) -> bytes:
    # Only text is edited, and only the short frames of the handshake hold these marks.
    if frame[0] != 0x81 or len(frame) > 4096:
        return frame
    payload = _payload(frame)
    if mark.encode() not in payload:
        return frame
    message = json.loads(payload)
    edit(message)
    changed = json.dumps(message, separators=(",", ":")).encode()
    return _text_frame(changed, is_masked=bool(frame[1] & 0x80))


def _deny_binary(message: dict[str, Any]) -> None:
    message["result"]["telexec"]["binaryFrames"] = False


def _ask_nothing(message: dict[str, Any]) -> None:
    message["params"].pop("telexec", None)


@asynccontextmanager
async def frame_proxy(
    target: str, plan: Iterable[Fault] = (), *, rewrite: Rewrite = as_it_is
) -> AsyncGenerator[FrameProxy]:
    """Stand in front of `target` (`ws://HOST:PORT`) until the block ends."""
    proxy = FrameProxy(target, plan, rewrite)
    async with asyncio.TaskGroup() as tasks:
        carried: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = tasks.create_task(proxy.carry(reader, writer), name="carry a connection")
            carried.add(task)
            task.add_done_callback(carried.discard)

        listener = await asyncio.start_server(accept, "127.0.0.1", 0, limit=_LIMIT_BYTES)
        proxy.url = f"ws://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        try:
            yield proxy
        finally:
            listener.close()
            for task in carried:
                task.cancel()
