"""Output of a process on a host, for programs without an event loop."""

from collections.abc import Iterator

from telexec_client.process import OutputStream as AsyncOutputStream
from telexec_client.sync.facade import Facade
from telexec_client.sync.iteration import BlockingIterator
from telexec_client.sync.loop_thread import LoopThread


class OutputStream(Facade):
    """See `telexec_client.OutputStream`."""

    def __init__(self, thread: LoopThread, stream: AsyncOutputStream) -> None:
        super().__init__(thread, stream)
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return BlockingIterator(self._thread, lambda: self._stream)

    read = Facade._waiting(AsyncOutputStream.read)
    lines = Facade._iterating(AsyncOutputStream.lines)
    text = Facade._iterating(AsyncOutputStream.text)
