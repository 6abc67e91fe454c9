"""Who is told what happens to a process."""

from collections.abc import Callable
from typing import Protocol

from telexec_client.connection.calls import Call
from telexec_client.core.assembler import PushedEvent
from telexec_client.errors import TelexecError
from telexec_schemas.process import Terminated


class ProcessListener(Protocol):
    """Gets the events of one process and follows it through lost connections.

    All but `catch_up` are called on the event loop and must not block.
    """

    @property
    def is_running(self) -> bool:
        """Whether the process may still run, as far as is known."""
        ...

    def on_event(self, event: PushedEvent) -> None:
        """Take an event as it was pushed; after a lost connection some are missing."""
        ...

    def on_resumed(self) -> None:
        """Learn that another connection carries the session now."""
        ...

    async def catch_up(self) -> None:
        """Read what was not pushed. Raises nothing but `CancelledError`."""
        ...

    def on_closing(self) -> Call[Terminated] | None:
        """Learn that we are about to leave; ask the host to end the process if it still runs."""
        ...

    def on_ended(self, error: Callable[[], TelexecError]) -> None:
        """Learn that nothing more will come, and get a maker of errors that say why."""
        ...
