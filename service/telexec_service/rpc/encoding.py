"""The JSON of large results, made in the threads that made them, and not by the loop."""

from collections.abc import Iterator

import pybase64

from telexec_schemas.filesystem import Block, FileContent
from telexec_service.rpc.route import Encoded

SLICE_BYTES = 768 * 1024
"""So much is encoded at once: no other thread runs meanwhile. A multiple of three (RFC 4648, 4)."""


def encoded_content(content: FileContent) -> Encoded:
    """Return the JSON of a whole file."""
    return Encoded((b'{"dataBase64":"', *_base64(content.content), b'"}'))


def encoded_block(block: Block) -> Encoded:
    """Return the JSON of a part of a file."""
    end = b'","eof":true}' if block.eof else b'","eof":false}'
    return Encoded((b'{"chunk":"', *_base64(block.chunk), end))


def _base64(content: bytes) -> Iterator[bytes]:
    view = memoryview(content)
    for start in range(0, len(content), SLICE_BYTES):
        yield pybase64.b64encode(view[start : start + SLICE_BYTES])
