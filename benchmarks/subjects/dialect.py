"""How the messages of the protocol are written and read (docs/protocol.md).

As little as a client can do.
"""

import json
import struct
from collections.abc import Sequence
from functools import cache
from typing import Protocol

import msgspec
import pybase64

_POLICY = b'{"inherit":"all","ignoreDefaultExcludes":false,"exclude":[],"set":{},"includeOnly":[]}'
_OUTPUT = b'{"method":"process/output"'
_PROCESS_ID = b'"processId":"'
_CHUNK = b'"chunk":"'


class Listener(Protocol):
    """Gets what messages say."""

    def on_output(self, process_id: bytes, data: bytes) -> None:
        """Output of a process."""

    def on_exited(self, process_id: bytes, exit_code: int) -> None:
        """A process has ended; output may still come."""

    def on_closed(self, process_id: bytes) -> None:
        """All output of a process has come."""

    def on_answer(self, request_id: int, error: str | None) -> None:
        """A request was carried out, or refused."""


class Dialect(Protocol):
    """A way to write and read messages; writers return the payload of a frame and its opcode."""

    def initialize(self, request_id: int) -> tuple[int, bytes]:
        """The opening of a session."""
        ...

    def initialized(self) -> tuple[int, bytes]:
        """The end of the opening."""
        ...

    def start(
        self, request_id: int, process_id: bytes, argv: Sequence[str], *, stdin: bool
    ) -> tuple[int, bytes]:
        """The start of a process, in `/`, with all that the host's policy gives it."""
        ...

    def write(self, request_id: int, process_id: bytes, data: bytes) -> tuple[int, bytes]:
        """Input for a process; each under a `writeId` of its own."""
        ...

    def terminate(self, request_id: int, process_id: bytes) -> tuple[int, bytes]:
        """The end of a process."""
        ...

    def take(self, buffer: bytearray, start: int, end: int, listener: Listener) -> None:
        """Tell the listener what the frame says whose payload is in this part of the buffer."""
        ...


class _Error(msgspec.Struct):
    message: str


class _Params(msgspec.Struct, rename="camel", frozen=True):
    process_id: str = ""
    exit_code: int = 0


class _Message(msgspec.Struct):
    id: int | None = None
    method: str = ""
    params: _Params = _Params()
    error: _Error | None = None


@cache
def _json(argv: tuple[str, ...]) -> bytes:
    """Return a command as JSON; the same ones come over and over."""
    return json.dumps(argv).encode()


class TextDialect:
    """JSON in text frames, bytes as base64: what every peer of the protocol understands."""

    _TEXT = 1
    _wish = b""
    """What it says of extensions when it opens a session."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_Message)

    def initialize(self, request_id: int) -> tuple[int, bytes]:
        return self._TEXT, (
            b'{"id":%d,"method":"initialize","params":{"clientName":"benchmarks",'
            b'"resumeSessionId":null%b}}' % (request_id, self._wish)
        )

    def initialized(self) -> tuple[int, bytes]:
        return self._TEXT, b'{"method":"initialized","params":{}}'

    def start(
        self, request_id: int, process_id: bytes, argv: Sequence[str], *, stdin: bool
    ) -> tuple[int, bytes]:
        return self._TEXT, (
            b'{"id":%d,"method":"process/start","params":{"processId":"%b","argv":%b,'
            b'"cwd":"file:///","env":{},"envPolicy":%b,"tty":false,"pipeStdin":%b%b}}'
            % (
                request_id,
                process_id,
                _json(tuple(argv)),
                _POLICY,
                b"true" if stdin else b"false",
                self._more_to_start(process_id),
            )
        )

    def write(self, request_id: int, process_id: bytes, data: bytes) -> tuple[int, bytes]:
        return self._TEXT, (
            b'{"id":%d,"method":"process/write","params":{"processId":"%b","chunk":"%b",'
            b'"writeId":"w%d"}}' % (request_id, process_id, pybase64.b64encode(data), request_id)
        )

    def terminate(self, request_id: int, process_id: bytes) -> tuple[int, bytes]:
        return self._TEXT, (
            b'{"id":%d,"method":"process/terminate","params":{"processId":"%b"}}'
            % (request_id, process_id)
        )

    def take(self, buffer: bytearray, start: int, end: int, listener: Listener) -> None:
        if buffer.startswith(_OUTPUT, start, end):
            id_at = buffer.index(_PROCESS_ID, start, end) + len(_PROCESS_ID)
            id_end = buffer.index(b'"', id_at, end)
            chunk_at = buffer.index(_CHUNK, id_end, end) + len(_CHUNK)
            chunk_end = buffer.index(b'"', chunk_at, end)
            with memoryview(buffer) as whole, whole[chunk_at:chunk_end] as chunk:
                data = pybase64.b64decode(chunk, validate=True)
            listener.on_output(bytes(buffer[id_at:id_end]), data)
            return
        self._take_json(buffer, start, end, listener)

    def _more_to_start(self, process_id: bytes) -> bytes:
        """Return further params of a start."""
        return b""

    def _take_json(self, buffer: bytearray, start: int, end: int, listener: Listener) -> None:
        with memoryview(buffer) as whole, whole[start:end] as payload:
            message = self._decoder.decode(payload)
        if message.id is not None:
            listener.on_answer(message.id, message.error.message if message.error else None)
        elif message.method == "process/exited":
            listener.on_exited(message.params.process_id.encode(), message.params.exit_code)
        elif message.method == "process/closed":
            listener.on_closed(message.params.process_id.encode())
        elif message.method == "process/output":
            raise AssertionError("cannot read output whose method is not its first member")


class BinaryDialect(TextDialect):
    """The extension `binaryFrames`: output and input as they are, behind 16 bytes each."""

    _BINARY = 2
    _HEADER = struct.Struct("!BBHIQ")
    _OUTPUT_KIND, _INPUT_KIND = 1, 2
    _wish = b',"telexec":{"version":1}'

    def __init__(self) -> None:
        super().__init__()
        self._handles: dict[bytes, int] = {}
        self._process_ids: list[bytes] = []

    def write(self, request_id: int, process_id: bytes, data: bytes) -> tuple[int, bytes]:
        handle = self._handles[process_id]
        return self._BINARY, self._HEADER.pack(self._INPUT_KIND, 0, 0, handle, request_id) + data

    def take(self, buffer: bytearray, start: int, end: int, listener: Listener) -> None:
        if buffer[start] != self._OUTPUT_KIND:
            self._take_json(buffer, start, end, listener)
            return
        handle: int = self._HEADER.unpack_from(buffer, start)[3]
        with memoryview(buffer) as whole:
            data = bytes(whole[start + self._HEADER.size : end])
        listener.on_output(self._process_ids[handle], data)

    def _more_to_start(self, process_id: bytes) -> bytes:
        self._handles[process_id] = handle = len(self._process_ids)
        self._process_ids.append(process_id)
        return b',"handle":%d' % handle
