"""Reading along: the output of a process of another session, pushed over this one's connection."""

from collections.abc import Callable, Iterator

from telexec_schemas.identifiers import ProcessId
from telexec_service.core.account import ProcessAccount
from telexec_service.core.delivery import Delivery
from telexec_service.core.output_log import OutputLog
from telexec_service.processes.process import Process


class Watch:
    """One process that is read along. Ends with `close`.

    Args:
        watch_id: What the reader calls the process.
        delivery: How far it was pushed to the reader; it keeps nothing back.
        handle: Its number in the reader's binary frames; None: its output is pushed as text.
        audience: What the session of the process calls when it ends.
        on_news: Called with this when there may be something to push.
        on_owner_gone: Called with this when the session of the process has ended.
    """

    def __init__(
        self,
        watch_id: ProcessId,
        process: Process,
        delivery: Delivery,
        *,
        handle: int | None,
        audience: set[Callable[[], None]],
        on_news: Callable[["Watch"], None],
        on_owner_gone: Callable[["Watch"], None],
    ) -> None:
        self.process_id = watch_id
        self.handle = handle
        self.delivery = delivery
        self.source = process
        self._audience = audience
        self._on_news = on_news
        self._on_owner_gone = on_owner_gone
        process.add_reader(self._tell)
        audience.add(self._tell_owner_gone)

    @property
    def log(self) -> OutputLog:
        """The log of the process."""
        return self.source.log

    @property
    def account(self) -> ProcessAccount:
        """What is counted of the process."""
        return self.source.account

    def regulate(self) -> None:
        """Do nothing: who reads along does not hold the process up."""

    def close(self) -> None:
        """Read along no more. Idempotent."""
        self.source.remove_reader(self._tell)
        self._audience.discard(self._tell_owner_gone)

    def _tell(self) -> None:
        self._on_news(self)

    def _tell_owner_gone(self) -> None:
        self._on_owner_gone(self)


class Watches:
    """What one connection reads along."""

    def __init__(self) -> None:
        self._watches: dict[ProcessId, Watch] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def __iter__(self) -> Iterator[Watch]:
        return iter(tuple(self._watches.values()))

    def add(self, watch: Watch) -> None:
        """Take another one."""
        self._watches[watch.process_id] = watch

    def find(self, watch_id: ProcessId) -> Watch | None:
        """Return one, if there is one of the name."""
        return self._watches.get(watch_id)

    def remove(self, watch_id: ProcessId) -> None:
        """End one. Idempotent."""
        watch = self._watches.pop(watch_id, None)
        if watch is not None:
            watch.close()

    def clear(self) -> None:
        """End all of them. Idempotent."""
        for watch in self:
            self.remove(watch.process_id)
