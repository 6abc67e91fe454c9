"""What a WebSocket server sends, received where it is taken apart.

It knows just enough of RFC 6455 to find the ends of whole messages and of control frames, which is
all that most servers ever send. The rest is strange to it, and for a library to judge.
"""

import msgspec

FIRST_BYTES = 16 * 1024
"""The size of a new buffer."""

USUAL_BYTES = 256 * 1024
"""The size that it grows to by and by, and has again after a larger frame."""

_MESSAGES = frozenset({0x81, 0x82})
"""How an unfragmented text or binary message begins (RFC 6455, 5.2)."""

_CONTROL_FRAMES = frozenset({0x88, 0x89, 0x8A})
"""How a close, a ping and a pong begin; they are never long (RFC 6455, 5.5)."""

_SIZE_IN_2_BYTES = 126
_SIZE_IN_8_BYTES = 127


class Frame(msgspec.Struct):
    """A frame as it came. Its views are good until something is received again.

    Attributes:
        is_message: Whether it is a text or binary message; otherwise it is a control frame.
        content: All of it.
        payload: What it carries.
    """

    is_message: bool
    content: memoryview
    payload: memoryview


class Inbox:
    """A buffer that is received into, and left frame by frame.

    Args:
        max_message_bytes: A message that claims to be larger is strange.
    """

    def __init__(self, *, max_message_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes
        self._buffer = bytearray(FIRST_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self._is_strange = False

    @property
    def is_strange(self) -> bool:
        """Whether something came that is not taken apart, and nothing after it is."""
        return self._is_strange

    def room(self) -> memoryview:
        """Return where to put what comes next; never empty."""
        size_bytes = len(self._buffer)
        is_short = size_bytes - self._end < size_bytes // 4
        is_too_large = size_bytes > USUAL_BYTES and self._end - self._start < USUAL_BYTES // 2
        if is_short or is_too_large:
            self._make_room()
        return self._view[self._end :]

    def filled(self, size_bytes: int) -> None:
        """Note that so much was put into the room."""
        self._end += size_bytes

    def take(self) -> Frame | None:
        """Take out the next frame; `None`: not all of it has come, or it `is_strange`."""
        start = self._start
        available_bytes = self._end - start
        if available_bytes < 2 or self._is_strange:
            return None
        buffer = self._buffer
        is_message = buffer[start] in _MESSAGES
        # A masked frame, which no server may send, has a larger number here than any size.
        longest = _SIZE_IN_8_BYTES if is_message else _SIZE_IN_2_BYTES - 1
        if buffer[start + 1] > longest or not (is_message or buffer[start] in _CONTROL_FRAMES):
            self._is_strange = True
            return None
        payload_bytes = buffer[start + 1]
        header_bytes = 2
        if payload_bytes >= _SIZE_IN_2_BYTES:
            header_bytes = 4 if payload_bytes == _SIZE_IN_2_BYTES else 10
            if available_bytes < header_bytes:
                return None
            payload_bytes = int.from_bytes(buffer[start + 2 : start + header_bytes], "big")
            if payload_bytes > self._max_message_bytes:
                self._is_strange = True
                return None
        frame_bytes = header_bytes + payload_bytes
        if available_bytes < frame_bytes:
            return None
        content = self._view[start : start + frame_bytes]
        self._start += frame_bytes
        if self._start == self._end:
            self._start = self._end = 0
        return Frame(is_message, content, content[header_bytes:])

    def take_all(self) -> bytes:
        """Take out whatever there is."""
        content = bytes(self._view[self._start : self._end])
        self._start = self._end = 0
        return content

    def put_back(self, content: bytes) -> None:
        """Put what was the end of all that was taken out to where it was."""
        self._view[: len(content)] = content
        self._end = len(content)

    def _make_room(self) -> None:
        rest = self._view[self._start : self._end]
        size_bytes = len(self._buffer)
        if size_bytes < USUAL_BYTES or len(rest) > size_bytes // 2:
            # It grows with what has come: what a frame claims to carry is not believed.
            size_bytes *= 2
        elif len(rest) < USUAL_BYTES // 2:
            size_bytes = USUAL_BYTES
        buffer = self._buffer if size_bytes == len(self._buffer) else bytearray(size_bytes)
        view = memoryview(buffer)
        view[: len(rest)] = rest
        self._buffer, self._view = buffer, view
        self._start, self._end = 0, len(rest)
