"""Whether a start is the same as one before, without keeping what was asked for."""

import hashlib
from collections.abc import Sequence

import msgspec

from telexec_schemas.process import StartProcess

_DIGEST_BYTES = 8
_encode = msgspec.json.Encoder(order="deterministic").encode
# The id names the process, and the other two are about how its output travels.
_NOT_COMPARED = frozenset({"process_id", "credit_bytes", "handle"})
_FIELDS = tuple(
    field for field in msgspec.structs.fields(StartProcess) if field.name not in _NOT_COMPARED
)
_ABSENT = bytes(_DIGEST_BYTES)


def digest_of(params: StartProcess) -> bytes:
    """Return what stands for all parameters that say what is to be started.

    Values cannot be told from it; it has a few bytes for each parameter, however long that is.
    """
    parts: list[bytes] = []
    for field in _FIELDS:
        value = getattr(params, field.name)
        is_absent = value is field.default
        parts.append(_ABSENT if is_absent else _short_digest(value))
    return b"".join(parts)


def differing(before: bytes, now: bytes) -> Sequence[str]:
    """Return the parameters, as they are called on the wire, that two digests differ in."""
    return [
        field.encode_name
        for index, field in enumerate(_FIELDS)
        if _part(before, index) != _part(now, index)
    ]


def _part(digest: bytes, index: int) -> bytes:
    return digest[index * _DIGEST_BYTES : (index + 1) * _DIGEST_BYTES]


def _short_digest(value: object) -> bytes:
    return hashlib.blake2b(_encode(value), digest_size=_DIGEST_BYTES).digest()
