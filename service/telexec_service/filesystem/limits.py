"""Bounds of what one request may make the host hold in memory."""

import msgspec

KIB = 1024
MIB = 1024 * KIB


class FileLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of file requests.

    `max_file_bytes`: the largest file that is read whole. `max_entries`: the most names that one
    listing or walk looks at. `max_open_files`: the most handles that one session holds.
    """

    max_file_bytes: int = 32 * MIB
    max_entries: int = 100_000
    max_open_files: int = 128
