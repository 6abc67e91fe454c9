"""Whether a host that cannot be reached has ended, or is only out of reach."""

from telexec_client.core.backoff import VACANT_FOR_S


class Vacancy:
    """Watches the attempts to come back to a host.

    Args:
        is_hung_up: Whether the host's side ended the connection.
        now: The time of that, in seconds.
    """

    def __init__(self, *, is_hung_up: bool, now: float) -> None:
        self._since = now if is_hung_up else None

    def answered(self) -> None:
        """Take note that something answered an attempt, if only to refuse it: a proxy, say."""
        self._since = None

    def is_proven(self, now: float) -> bool:
        """Whether the host has ended: it hung up, and nobody ever answered since, for long."""
        return self._since is not None and now - self._since >= VACANT_FOR_S
