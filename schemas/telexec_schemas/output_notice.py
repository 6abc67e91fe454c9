"""Pushed output as JSON, read in one pass: there is much of it, and each pass costs."""

import msgspec

from telexec_schemas.methods import OUTPUT
from telexec_schemas.process import OutputPushed

_BEGINNING = b'{"method":"process/output"'
"""How known hosts begin it; others are read the long way."""


class _OutputNotice(msgspec.Struct):
    method: str
    params: OutputPushed
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decoder = msgspec.json.Decoder(_OutputNotice)


def parse_output_notice(payload: bytes | bytearray | memoryview) -> OutputPushed | None:
    """Return the output that a frame brings; `None`: for `parse_frame` to say what it is."""
    if bytes(payload[: len(_BEGINNING)]) != _BEGINNING:
        return None
    try:
        notice = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    is_output = notice.method == OUTPUT.name and notice.id is msgspec.UNSET
    return notice.params if is_output else None
