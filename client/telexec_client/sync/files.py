"""Files on a host, for programs without an event loop."""

from collections.abc import Iterator

from telexec_client.filesystem import Files as AsyncFiles
from telexec_client.filesystem import OpenFile as AsyncOpenFile
from telexec_client.sync.facade import Facade, HeldFacade
from telexec_client.sync.iteration import BlockingIterator
from telexec_client.sync.loop_thread import LoopThread


class OpenFile(HeldFacade):
    """See `telexec_client.OpenFile`; leaving a `with` closes it."""

    def __init__(self, thread: LoopThread, file: AsyncOpenFile) -> None:
        super().__init__(thread, file)
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        return BlockingIterator(self._thread, lambda: self._file)

    read = Facade._waiting(AsyncOpenFile.read)
    close = Facade._waiting(AsyncOpenFile.close)

    def _leave(self) -> None:
        self.close()


class Files(Facade):
    """See `telexec_client.Files`."""

    def __init__(self, thread: LoopThread, files: AsyncFiles) -> None:
        super().__init__(thread, files)

    metadata = Facade._waiting(AsyncFiles.metadata)
    read = Facade._waiting(AsyncFiles.read)
    write = Facade._waiting(AsyncFiles.write)
    list = Facade._waiting(AsyncFiles.list)
    make_directory = Facade._waiting(AsyncFiles.make_directory)
    canonicalize = Facade._waiting(AsyncFiles.canonicalize)
    remove = Facade._waiting(AsyncFiles.remove)
    copy = Facade._waiting(AsyncFiles.copy)
    walk = Facade._waiting(AsyncFiles.walk)
    open = Facade._opening(AsyncFiles.open, OpenFile)
