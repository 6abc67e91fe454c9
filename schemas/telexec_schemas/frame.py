"""The envelope around every message: request, answer, error or notification.

One JSON object per frame, without a `jsonrpc` member: the exec-server dialect.
"""

from typing import Any

import msgspec

from telexec_schemas.errors import WireError
from telexec_schemas.identifiers import RequestId
from telexec_schemas.method import encode

UNKNOWN_REQUEST_ID = -1
"""The id of an answer to a frame that could not be read."""

_EMPTY_PARAMS = msgspec.Raw(b"{}")
_MISSING = msgspec.Raw()


class Request(msgspec.Struct, frozen=True):
    """A call that waits for an answer."""

    id: RequestId
    method: str
    params: msgspec.Raw


class Notice(msgspec.Struct, frozen=True):
    """A notification."""

    method: str
    params: msgspec.Raw


class Answer(msgspec.Struct, frozen=True):
    """The result of a call."""

    id: RequestId
    result: msgspec.Raw


class Failure(msgspec.Struct, frozen=True):
    """The error that a call ended with."""

    id: RequestId
    error: WireError


Frame = Request | Notice | Answer | Failure


class MalformedFrameError(ValueError):
    """A frame is not JSON, not an object, or none of request, answer, error and notification."""


class _Envelope(msgspec.Struct):
    id: RequestId | msgspec.UnsetType = msgspec.UNSET
    method: str | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw = _EMPTY_PARAMS
    result: msgspec.Raw = _MISSING
    error: WireError | msgspec.UnsetType = msgspec.UNSET


_decoder = msgspec.json.Decoder(_Envelope)


def parse_frame(payload: bytes | bytearray | memoryview) -> Frame:
    """Return what a frame holds; params and results stay undecoded until their method is known.

    Raises:
        MalformedFrameError: It holds none of the four kinds; the text says why.
    """
    try:
        envelope = _decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise MalformedFrameError(f"cannot read the frame: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrameError(f"cannot read the frame as JSON: {error}") from error
    if envelope.method is not msgspec.UNSET:
        # A comparison copies what is compared, and output is large.
        is_null = len(envelope.params) == len(b"null") and bytes(envelope.params) == b"null"
        params = _EMPTY_PARAMS if is_null else envelope.params
        if envelope.id is msgspec.UNSET:
            return Notice(envelope.method, params)
        return Request(envelope.id, envelope.method, params)
    if envelope.id is msgspec.UNSET:
        raise MalformedFrameError("cannot read the frame: it has neither `method` nor `id`")
    if envelope.error is not msgspec.UNSET:
        return Failure(envelope.id, envelope.error)
    if len(envelope.result) == 0:
        raise MalformedFrameError("cannot read the frame: it has no `method`, `result` or `error`")
    return Answer(envelope.id, envelope.result)


def encode_request(request_id: RequestId, method: str, params: Any) -> bytes:
    """Return a request's frame."""
    return encode({"id": request_id, "method": method, "params": params})


def encode_notice(method: str, params: Any) -> bytes:
    """Return a notification's frame."""
    return encode({"method": method, "params": params})


def encode_answer(request_id: RequestId, result: Any) -> bytes:
    """Return the frame of a call's result."""
    return encode({"id": request_id, "result": result})


def answer_around(request_id: RequestId) -> tuple[bytes, bytes]:
    """Return what goes before and after a result that is JSON already, in the frame of it."""
    return b'{"id":%b,"result":' % encode(request_id), b"}"


def encode_failure(request_id: RequestId, error: WireError) -> bytes:
    """Return the frame of a call's error."""
    return encode({"id": request_id, "error": error})
