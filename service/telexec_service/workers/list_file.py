"""Lists of sessions on their way from one worker to another: too large for a message."""

import os

import msgspec

from telexec_schemas.session import SessionList

MAX_LIST_BYTES = 4 * 1024 * 1024
"""How large a list may be; the longest that a worker makes has less than half of that."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(SessionList).decode


def write_list(listed: SessionList) -> int:
    """Return a descriptor of a file in memory that holds a list; it is the caller's to close.

    Raises:
        OSError: There is no descriptor or no memory left.
    """
    file = os.memfd_create("telexec-sessions")
    try:
        unwritten = memoryview(_encode(listed))
        while unwritten:
            unwritten = unwritten[os.write(file, unwritten) :]
    except OSError:
        os.close(file)
        raise
    return file


def read_list(file: int) -> SessionList:
    """Return the list that a file holds, and close it.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds no list, or a longer one than there can be.
    """
    try:
        size_bytes = os.fstat(file).st_size
        if size_bytes > MAX_LIST_BYTES:
            raise ValueError(f"cannot take a list of {size_bytes} bytes")
        return _decode(os.pread(file, size_bytes, 0))
    finally:
        os.close(file)
