"""Ids of sessions. Where there are several workers, an id says which one has the session."""

from uuid import RFC_4122, UUID
from zlib import crc32

from telexec_schemas.identifiers import SessionId

RANDOM_BYTES = 16

_SLOT_BYTE = 15
_CUSTOM = 8
"""The version of a UUID whose maker decides what it holds (RFC 9562, 5.8)."""


def new_session_id(random: bytes, slot: int | None) -> SessionId:
    """Return an id that nobody can guess, in the form of a UUID.

    Args:
        random: `RANDOM_BYTES`.
        slot: Which worker has the session; None: there is only one.
    """
    if slot is None:
        return SessionId(str(UUID(bytes=random, version=4)))
    octets = bytearray(random)
    octets[6] = octets[6] & 0x0F | _CUSTOM << 4
    octets[8] = octets[8] & 0x3F | 0x80
    octets[_SLOT_BYTE] = slot
    return SessionId(str(UUID(bytes=bytes(octets))))


def slot_of(text: str) -> int | None:
    """Return which worker has the session of an id; None: the id says nothing of it."""
    try:
        uuid = UUID(text)
    except ValueError:
        return None
    if uuid.variant != RFC_4122 or uuid.version != _CUSTOM:
        return None
    return uuid.bytes[_SLOT_BYTE]


def slot_to_look(id_or_name: str, workers: int) -> int | None:
    """Return which worker has the session of an id or a name, if any has; None: none has it."""
    slot = slot_of(id_or_name)
    if slot is None:
        return slot_of_name(id_or_name, workers)
    return slot if slot < workers else None


def slot_of_name(name: str, workers: int) -> int:
    """Return which worker has the session of a name, if there is one, and makes it if not.

    So that there can be no two of one name, and each worker knows where to look.
    """
    return crc32(name.encode("utf-8", "surrogatepass")) % workers
