"""A bare speaker of the dialect: says what a test wants it to say, also nonsense."""

import asyncio
import base64
import json
import ssl
import struct
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import websockets
from websockets.asyncio.client import ClientConnection, connect, unix_connect

from tests.harness.deadline import DEADLINE_S, within

Json = dict[str, Any]

FULL_POLICY: Json = {
    "inherit": "all",
    "ignoreDefaultExcludes": False,
    "exclude": [],
    "set": {},
    "includeOnly": [],
}
"""A policy with every field, as a peer that knows no defaults wants it."""


class PeerError(Exception):
    """The server answered with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: Any = error.get("data")

    @property
    def reason(self) -> str | None:
        """`data.reason`, which our service gives."""
        data: object = self.data
        return cast("Json", data).get("reason") if isinstance(data, dict) else None


class ConnectionEndedError(Exception):
    """The server ended the connection; `code` is the WebSocket's close code, `None` for none."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the connection ended with {code}")
        self.code = code


class Channel(Protocol):
    """What carries frames."""

    async def send(self, frame: str | bytes) -> None:
        """Send one frame."""
        ...

    async def receive(self) -> str | bytes:
        """Return the next frame; raise `ConnectionEndedError` when there will be none."""
        ...


class WebSocketChannel:
    """Frames on a WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, frame: str | bytes) -> None:
        """Send one frame: text as text, bytes as binary."""
        try:
            await self.connection.send(frame)
        except websockets.ConnectionClosed as error:
            raise ConnectionEndedError(error.rcvd.code if error.rcvd else None) from error

    async def receive(self) -> str | bytes:
        """Return the next frame."""
        try:
            return await self.connection.recv()
        except websockets.ConnectionClosed as error:
            raise ConnectionEndedError(error.rcvd.code if error.rcvd else None) from error


class LineChannel:
    """Frames as lines on the stdin and stdout of a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def send(self, frame: str | bytes) -> None:
        """Send one line."""
        assert self.process.stdin is not None
        self.process.stdin.write((frame.encode() if isinstance(frame, str) else frame) + b"\n")
        await self.process.stdin.drain()

    async def receive(self) -> str | bytes:
        """Return the next line."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise ConnectionEndedError(None)
        return line


class RawPeer:
    """One connection, read only when something is waited for.

    Attributes:
        channel: What carries its frames.
        session_id: Given by the server in `initialize`.
        environment_info: Said by the server in `initialize`.
        extensions: What the server grants of ours; `None` from a server that does not know them.
        notifications: Every notification so far, in order.
        handles: Which process has which number in binary frames.
        stray_answers: Answers to no request of `request`, such as those with id -1.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.session_id: str | None = None
        self.environment_info: Json = {}
        self.extensions: Json | None = None
        self.notifications: list[Json] = []
        self.stray_answers: list[Json] = []
        self.handles: dict[int, str] = {}
        self._answers: dict[int, Json] = {}
        self._awaited: set[int] = set()
        self._last_id = 0
        self._receiving = asyncio.Lock()

    async def send(self, frame: str | bytes | Json) -> None:
        """Send a frame as it is, or an object as JSON."""
        await within(
            self.channel.send(json.dumps(frame) if isinstance(frame, dict) else frame),
            what="the connection to take a frame",
        )

    async def ask(self, method: str, params: Any) -> int:
        """Send a request and return its id, for `answer`."""
        self._last_id += 1
        self._awaited.add(self._last_id)
        await self.send({"id": self._last_id, "method": method, "params": params})
        return self._last_id

    async def answer(self, request_id: int, *, deadline_s: float = DEADLINE_S) -> Any:
        """Return the result of a request that was sent with `ask`.

        Raises:
            PeerError: The answer is an error.
        """
        await self.until(
            lambda: request_id in self._answers,
            what=f"the answer to request {request_id}",
            deadline_s=deadline_s,
        )
        frame = self._answers.pop(request_id)
        if "error" in frame:
            raise PeerError(frame["error"])
        return frame["result"]

    async def request(self, method: str, params: Any = None) -> Any:
        """Return the result of a call.

        Raises:
            PeerError: The answer is an error.
        """
        return await self.answer(await self.ask(method, {} if params is None else params))

    async def refusal(self, method: str, params: Any = None) -> PeerError:
        """Return the error of a call that must fail."""
        try:
            result = await self.request(method, params)
        except PeerError as error:
            return error
        raise AssertionError(f"{method} should have failed, but answered {result!r}")

    async def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        await self.send({"method": method, "params": {} if params is None else params})

    async def refusal_of_frame(self, frame: str | bytes | Json) -> PeerError:
        """Send a frame that holds no usable request and return the error, whose id is -1."""
        known = len(self.stray_answers)
        await self.send(frame)
        await self.until(lambda: len(self.stray_answers) > known, what=f"an answer to {frame!r}")
        answer = self.stray_answers[known]
        assert answer["id"] == -1, answer
        return PeerError(answer["error"])

    async def until(
        self, condition: Callable[[], bool], *, what: str, deadline_s: float = DEADLINE_S
    ) -> None:
        """Read frames until the condition holds."""

        async def read_until() -> None:
            while not condition():
                async with self._receiving:
                    # Another reader may have read what this one waits for.
                    if not condition():
                        self._file(await self.channel.receive())

        await within(read_until(), what=what, deadline_s=deadline_s)

    async def until_ended(self) -> int | None:
        """Read frames until the server ends the connection; return the close code."""
        try:
            await self.until(lambda: False, what="the end of the connection")
        except ConnectionEndedError as error:
            return error.code
        raise AssertionError("unreachable: the condition never holds")

    async def initialize(
        self,
        *,
        resume: str | None = None,
        extensions: bool = True,
        client_name: str = "raw peer",
        wish: Mapping[str, Any] | None = None,
    ) -> Json:
        """Do the whole handshake and return the result of `initialize`.

        `wish` is what the extensions are asked for besides their version.
        """
        params: Json = {"clientName": client_name, "resumeSessionId": resume}
        if extensions:
            params["telexec"] = {"version": 1, **(wish or {})}
        result: Json = await self.request("initialize", params)
        self.session_id = result["sessionId"]
        self.environment_info = result["environmentInfo"]
        self.extensions = result.get("telexec")
        await self.notify("initialized")
        return result

    async def start(self, argv: Sequence[str], **params: Any) -> "RawProcess":
        """Start a process with an empty exact environment in `/`; `params` replace any of it."""
        everything: Json = {
            "processId": f"p-{uuid.uuid4()}",
            "argv": list(argv),
            "cwd": "file:///",
            "env": {},
            "tty": False,
            **params,
        }
        if "handle" in everything:
            self.handles[everything["handle"]] = everything["processId"]
        started = await self.request("process/start", everything)
        assert started["processId"] == everything["processId"]
        return RawProcess(self, everything["processId"], started)

    def process(self, process_id: str, started: Json | None = None) -> "RawProcess":
        """Return a process that was started on another connection, or with `request`."""
        return RawProcess(self, process_id, started or {})

    def _file(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes) and frame[:1] == b"\x01":
            self.notifications.append(self._from_binary(frame))
            return
        message = json.loads(frame)
        if "method" in message:
            self.notifications.append(message)
        elif message["id"] in self._awaited:
            self._awaited.remove(message["id"])
            self._answers[message["id"]] = message
        else:
            self.stray_answers.append(message)

    def _from_binary(self, frame: bytes) -> Json:
        """Return what the same output would be as text, but for `isBinary`."""
        stream, reserved, handle, seq = struct.unpack_from("!xBHIQ", frame)
        assert reserved == 0
        return {
            "method": "process/output",
            "params": {
                "processId": self.handles[handle],
                "seq": seq,
                "stream": ("stdout", "stderr", "pty")[stream],
                "chunk": base64.b64encode(frame[16:]).decode(),
                "isBinary": True,
            },
        }


class RawProcess:
    """A process as notifications tell of it on this connection."""

    def __init__(self, peer: RawPeer, process_id: str, started: Json) -> None:
        self.peer = peer
        self.process_id = process_id
        self.started = started

    @property
    def events(self) -> list[Json]:
        """Every notification about it so far; each with its `method`."""
        return [
            {"method": frame["method"], **frame["params"]}
            for frame in self.peer.notifications
            if frame["params"].get("processId") == self.process_id
        ]

    @property
    def seqs(self) -> list[int]:
        """The numbers of the events so far."""
        return [event["seq"] for event in self.events]

    @property
    def exit_event(self) -> Json | None:
        """The `process/exited`, if it came."""
        return next((event for event in self.events if event["method"] == "process/exited"), None)

    @property
    def is_closed(self) -> bool:
        """Whether `process/closed` came."""
        return any(event["method"] == "process/closed" for event in self.events)

    def output(self, *streams: str) -> bytes:
        """Return the output so far, of all streams or of some."""
        return b"".join(
            base64.b64decode(event["chunk"], validate=True)
            for event in self.events
            if event["method"] == "process/output" and (not streams or event["stream"] in streams)
        )

    @property
    def lost_bytes(self) -> int:
        """How much output was said to be dropped."""
        return sum(event["lostBytes"] for event in self.events if event["method"] == "process/gap")

    async def until_output(self, wanted: bytes) -> bytes:
        """Wait until the output has these bytes and return all output so far."""
        await self.peer.until(
            lambda: wanted in self.output(), what=f"{wanted!r} from {self.process_id}"
        )
        return self.output()

    async def until_more_than(self, events: int) -> None:
        """Wait until more than so many events came."""
        await self.peer.until(
            lambda: len(self.events) > events, what=f"more events of {self.process_id}"
        )

    async def until_exited(self) -> Json:
        """Wait for `process/exited` and return it."""
        await self.peer.until(
            lambda: self.exit_event is not None, what=f"the exit of {self.process_id}"
        )
        assert self.exit_event is not None
        return self.exit_event

    async def until_closed(self, *, deadline_s: float = DEADLINE_S) -> Json:
        """Wait for `process/closed` and return the `process/exited` before it.

        The events must have come in order and without gaps, the closing one last.
        """
        await self.peer.until(
            lambda: self.is_closed, what=f"the close of {self.process_id}", deadline_s=deadline_s
        )
        assert self.seqs == list(range(1, len(self.seqs) + 1))
        assert self.events[-1]["method"] == "process/closed"
        assert self.exit_event is not None, self.events
        return self.exit_event

    async def exit_code(self) -> int:
        """Wait for `process/closed` and return the exit code."""
        code: int = (await self.until_closed())["exitCode"]
        return code

    async def read(self, **params: Any) -> Json:
        """Call `process/read`."""
        batch: Json = await self.peer.request(
            "process/read", {"processId": self.process_id, **params}
        )
        return batch

    async def write(self, data: bytes, *, write_id: str | None = None) -> str:
        """Call `process/write` and return the status."""
        result = await self.peer.request("process/write", self.write_params(data, write_id))
        status: str = result["status"]
        return status

    def write_params(self, data: bytes, write_id: str | None = None) -> Json:
        """Return the params of a `process/write`."""
        return {
            "processId": self.process_id,
            "chunk": base64.b64encode(data).decode(),
            "writeId": write_id or str(uuid.uuid4()),
        }

    async def grant(self, up_to_bytes: int, *, received_bytes: int | None = None) -> None:
        """Send `process/credit`; what was received is by default what there is of output."""
        params = {
            "processId": self.process_id,
            "upToBytes": up_to_bytes,
            "receivedBytes": len(self.output()) if received_bytes is None else received_bytes,
        }
        await self.peer.notify("process/credit", params)

    async def close_stdin(self) -> None:
        """Call `process/closeStdin`."""
        await self.peer.request("process/closeStdin", {"processId": self.process_id})

    async def signal(self, name: str) -> None:
        """Call `process/signal`."""
        await self.peer.request("process/signal", {"processId": self.process_id, "signal": name})

    async def terminate(self) -> bool:
        """Call `process/terminate` and return whether it ran."""
        result = await self.peer.request("process/terminate", {"processId": self.process_id})
        running: bool = result["running"]
        return running


def decoded(batch: Mapping[str, Any]) -> bytes:
    """Return the output in a result of `process/read`."""
    return b"".join(base64.b64decode(chunk["chunk"], validate=True) for chunk in batch["chunks"])


@asynccontextmanager
async def raw_peer(
    url: str,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    initialize: bool = True,
    extensions: bool = True,
    resume: str | None = None,
    client_name: str = "raw peer",
    wish: Mapping[str, Any] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[RawPeer]:
    """Connect to `ws://…`, `wss://…` (with `tls`) or `unix:PATH`, and close at the end.

    By default with a handshake.
    """
    all_headers = dict(headers or {})
    if token is not None:
        all_headers["Authorization"] = f"Bearer {token}"
    scheme, _, rest = url.partition(":")
    options: dict[str, Any] = {
        "additional_headers": all_headers,
        "compression": None,
        "max_size": None,
        "open_timeout": DEADLINE_S,
        "ping_interval": None,
        "proxy": None,
        "user_agent_header": None,
    }
    if tls is not None:
        options["ssl"] = tls
    opening = unix_connect(rest, **options) if scheme == "unix" else connect(url, **options)
    connection = await opening
    peer = RawPeer(WebSocketChannel(connection))
    try:
        if initialize:
            await peer.initialize(
                extensions=extensions, resume=resume, client_name=client_name, wish=wish
            )
        yield peer
    finally:
        await connection.close()


@asynccontextmanager
async def stdio_peer(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    directory: Path,
    initialize: bool = True,
    extensions: bool = True,
) -> AsyncGenerator[RawPeer]:
    """Run a server on its stdin and stdout; at the end its stdin is closed and it must exit 0."""
    with (directory / "stdio.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=dict(env),
            cwd=directory,
            limit=256 * 1024 * 1024,
        )
    assert process.stdin is not None
    peer = RawPeer(LineChannel(process))
    try:
        if initialize:
            await peer.initialize(extensions=extensions)
        yield peer
        process.stdin.close()
        await process.stdin.wait_closed()
        exit_code = await within(process.wait(), what="the server's end after its stdin's")
        assert exit_code == 0, (directory / "stdio.log").read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # What it still wrote is read, so that the pipe's transport is gone with it.
        assert process.stdout is not None
        await process.stdout.read()
