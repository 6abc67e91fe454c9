"""Who is at the other end of a connection."""

import hashlib
from enum import StrEnum

import msgspec


class Capability(StrEnum):
    """A right. `admin`: see, read along and take over the sessions of others."""

    ADMIN = "admin"


class Caller(msgspec.Struct, frozen=True):
    """Who asked, as the logs call them.

    `connection` is this service's number of the connection, `address` where it comes from
    (`IP:PORT`, `unix:uid=N`, `stdio`), `token` the fingerprint of the token that it came with, and
    `client` what the program calls itself. `capabilities` are what it may do.
    """

    connection: int
    address: str
    token: str | None
    client: str
    capabilities: frozenset[Capability] = frozenset()


def fingerprint(digest: bytes) -> str:
    """Return what a token is called in logs: eight hex digits that do not lead back to it.

    Args:
        digest: The token's SHA-256; it is hashed once more, since the digest lets its holder check
            guesses against what the service compares with.
    """
    return hashlib.sha256(digest).hexdigest()[:8]
