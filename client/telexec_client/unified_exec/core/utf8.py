"""Where UTF-8 may be cut (RFC 3629)."""

LONGEST_BYTES = 4
"""Of one character."""


def complete_bytes(data: bytes) -> int:
    """Return how much of `data` comes before a character that has begun and is not whole yet."""
    for length in range(1, min(LONGEST_BYTES, len(data) + 1)):
        byte = data[-length]
        if not is_continuation(byte):
            return len(data) - length if _sequence_bytes(byte) > length else len(data)
    return len(data)


def boundary_before(data: bytes | bytearray | memoryview, index: int) -> int:
    """Return the last place up to `index` that is not in the middle of a character."""
    return next(
        (
            place
            for place in range(index, max(index - LONGEST_BYTES, -1), -1)
            if place >= len(data) or not is_continuation(data[place])
        ),
        index,
    )


def boundary_after(data: bytes | bytearray | memoryview, index: int) -> int:
    """Return the first place from `index` on that is not in the middle of a character."""
    return next(
        (
            place
            for place in range(index, min(index + LONGEST_BYTES, len(data) + 1))
            if place >= len(data) or not is_continuation(data[place])
        ),
        index,
    )


def is_continuation(byte: int) -> bool:
    """Tell whether a byte is never the first of a character."""
    return byte & 0xC0 == 0x80


def _sequence_bytes(first: int) -> int:
    """Return how long a character is by its first byte; 1 for what begins none."""
    if 0xC2 <= first < 0xE0:
        return 2
    if 0xE0 <= first < 0xF0:
        return 3
    return 4 if 0xF0 <= first < 0xF5 else 1
