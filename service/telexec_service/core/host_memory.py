"""How much output all processes of the host keep in memory together."""

from collections.abc import Callable

from telexec_service.core.counters import Counters


class HostMemory:
    """The bound over all processes, besides that of each.

    Args:
        limit_bytes: How much there may be.
        counters: The service's; they count what there is.
        on_full: Called whenever there is more.
    """

    def __init__(self, limit_bytes: int, counters: Counters, on_full: Callable[[], None]) -> None:
        self._counters = counters
        self._on_full = on_full
        self.limit_bytes = limit_bytes

    @property
    def is_full(self) -> bool:
        """Whether there is more than there may be."""
        if self._counters.retained_bytes <= self.limit_bytes:
            return False
        self._on_full()
        return True
