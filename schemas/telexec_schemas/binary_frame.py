"""Binary frames: bytes of a process without JSON and base64 around them (an extension).

A frame is a header of 16 bytes, big-endian, and the bytes themselves:

    offset  size  field
    0       1     kind: 1 output (host to client), 2 input (client to host)
    1       1     stream of output: 0 stdout, 1 stderr, 2 pty; 0 in input
    2       2     0
    4       4     handle: the number that the client gave the process in `process/start`
    8       8     output: `seq`, as in `process/output`; input: the id of the request

No JSON text begins with a byte like a kind, so a frame tells by its first byte what it is.
"""

import struct

from msgspec import Struct

from telexec_schemas.frame import MalformedFrameError
from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Stream

MAX_HANDLE = 2**32 - 1
"""The largest number that a process can have in binary frames."""

HEADER_BYTES = 16

_OUTPUT = 1
_INPUT = 2
_HEADER = struct.Struct("!BBHIQ")
_STREAMS: tuple[Stream, ...] = ("stdout", "stderr", "pty")
_NUMBERS = {stream: number for number, stream in enumerate(_STREAMS)}


class OutputFrame(Struct, frozen=True):
    """A piece of output."""

    handle: int
    seq: Seq
    stream: Stream
    data: bytes


class InputFrame(Struct, frozen=True):
    """A request to write; it is answered as `process/write` is, by its id.

    The id is also what tells a write that is sent again from a new one.
    """

    handle: int
    request_id: int
    data: bytes


def is_binary(payload: bytes | bytearray | memoryview) -> bool:
    """Whether a message is a binary frame, and not JSON."""
    return len(payload) > 0 and payload[0] in (_OUTPUT, _INPUT)


def output_header(handle: int, seq: int, stream: Stream) -> bytes:
    """Return what goes before a piece of output."""
    return _HEADER.pack(_OUTPUT, _NUMBERS[stream], 0, handle, seq)


def input_frame(handle: int, request_id: int, data: bytes) -> bytes:
    """Return the frame of a write."""
    return _HEADER.pack(_INPUT, 0, 0, handle, request_id) + data


def parse_output(payload: bytes | bytearray | memoryview) -> OutputFrame:
    """Return the output that a binary frame holds.

    Raises:
        MalformedFrameError: It holds none.
    """
    number, handle, seq = _fields(payload, _OUTPUT)
    if number >= len(_STREAMS):
        raise MalformedFrameError(f"cannot read the binary frame: {number} is no stream")
    return OutputFrame(handle, Seq(seq), _STREAMS[number], bytes(payload[HEADER_BYTES:]))


def parse_input(payload: bytes | bytearray | memoryview) -> InputFrame:
    """Return the write that a binary frame holds.

    Raises:
        MalformedFrameError: It holds none.
    """
    _, handle, request_id = _fields(payload, _INPUT)
    return InputFrame(handle, request_id, bytes(payload[HEADER_BYTES:]))


def _fields(payload: bytes | bytearray | memoryview, wanted: int) -> tuple[int, int, int]:
    if len(payload) < HEADER_BYTES:
        raise MalformedFrameError(
            f"cannot read the binary frame: {len(payload)} bytes are no header of {HEADER_BYTES}"
        )
    kind, number, reserved, handle, ordinal = _HEADER.unpack_from(payload)
    if kind != wanted or reserved != 0:
        raise MalformedFrameError(
            f"cannot read the binary frame: kind {kind} is for the other side"
        )
    return number, handle, ordinal
