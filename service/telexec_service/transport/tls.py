"""TLS between a socket and a connection: the library's sans-I/O half of it, on our own transport.

The loops' own TLS makes a connection known only after the handshake: one that stalls or fails would
hold its place, or free it, without anybody learning of it. Here a connection is one from the moment
it is accepted, and its one deadline covers both handshakes.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Iterator
from typing import Any, cast

RECORD_BYTES = 16 * 1024
"""The most that one record holds (RFC 8446, 5.1), and so what one read gives."""

SLICE_BYTES = 256 * 1024
"""How much is encrypted before it is given to the socket: the rest is not held twice."""

_HANDSHAKE_RECORD = 0x16
_NO_TLS = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 63\r\n"
    b"Connection: close\r\n\r\n"
    b"cannot answer without encryption: use wss:// here, or https://\n"
)


class TlsLayer(asyncio.Protocol):
    """Decrypts for a protocol what a socket brings.

    Args:
        inner: Gets the same calls as without TLS, `connection_made` before the handshake.
    """

    def __init__(self, context: ssl.SSLContext, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._socket: asyncio.Transport | None = None
        self._has_heard = False
        self._is_shaken = False
        self._is_input_over = False
        self._is_output_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a handshake."""
        self._socket = cast("asyncio.Transport", transport)
        self._inner.connection_made(TlsTransport(self._socket, self))

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""
        if not self._has_heard and data[0] != _HANDSHAKE_RECORD:
            self._turn_away()
            return
        self._has_heard = True
        self._incoming.write(data)
        content = b"".join(self._decrypted())
        # What the handshake has to say, an answer to a change of keys, or an alert.
        self._send()
        if content:
            self._inner.data_received(content)
        if self._is_input_over:
            self._end_input()

    def eof_received(self) -> None:
        """Take the peer's end of the stream, also one that TLS was not told of."""
        if not self._is_input_over:
            self._is_input_over = True
            self._end_input()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._socket = None
        self._inner.connection_lost(exc)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self._is_output_over or not self._is_shaken:
            return
        with memoryview(data) as view:
            for start in range(0, len(view), SLICE_BYTES):
                rest = view[start : start + SLICE_BYTES]
                while rest:
                    rest = rest[self._tls.write(rest) :]
                self._send()

    def say_goodbye(self) -> None:
        """Tell the peer that nothing more will come (RFC 8446, 6.1). Idempotent."""
        if self._is_output_over or not self._is_shaken:
            return
        self._is_output_over = True
        # It wants the peer's goodbye, too, or had it; ours is written.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._send()

    def _decrypted(self) -> Iterator[bytes]:
        """Give what is there to read, and note when nothing more can come."""
        try:
            if not self._is_shaken:
                self._tls.do_handshake()
                self._is_shaken = True
            while content := self._tls.read(RECORD_BYTES):
                yield content
            self._is_input_over = True
        except ssl.SSLWantReadError:
            return
        except ssl.SSLZeroReturnError:
            self._is_input_over = True
        except ssl.SSLError:
            # It speaks no TLS, or distrusts us, or the stream was tampered with.
            self._is_input_over = self._is_output_over = True

    def _end_input(self) -> None:
        if self._is_shaken:
            self._inner.eof_received()
        # As the loop does when nobody wants the stream half open.
        if self._socket is not None:
            self._socket.close()

    def _turn_away(self) -> None:
        self._is_input_over = self._is_output_over = True
        if self._socket is not None:
            self._socket.write(_NO_TLS)
            self._socket.close()

    def _send(self) -> None:
        if self._outgoing.pending and self._socket is not None and not self._socket.is_closing():
            self._socket.write(self._outgoing.read())


class TlsTransport(asyncio.Transport):
    """What a protocol writes to; what is not about content is the socket's own."""

    def __init__(self, raw: asyncio.Transport, layer: TlsLayer) -> None:
        super().__init__()
        self._raw = raw
        self._layer = layer

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See `asyncio.BaseTransport`."""
        return self._raw.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.WriteTransport`."""
        self._layer.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """See `asyncio.WriteTransport`. A frame's header gets no record of its own."""
        self._layer.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """See `asyncio.WriteTransport`."""
        return True

    def write_eof(self) -> None:
        """See `asyncio.WriteTransport`."""
        self._layer.say_goodbye()
        self._raw.write_eof()

    def close(self) -> None:
        """See `asyncio.BaseTransport`."""
        self._layer.say_goodbye()
        self._raw.close()

    def abort(self) -> None:
        """See `asyncio.WriteTransport`."""
        self._raw.abort()

    def is_closing(self) -> bool:
        """See `asyncio.BaseTransport`."""
        return self._raw.is_closing()

    def pause_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        self._raw.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See `asyncio.WriteTransport`."""
        self._raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """See `asyncio.WriteTransport`; of what is encrypted already, as all is at once."""
        return self._raw.get_write_buffer_size()
