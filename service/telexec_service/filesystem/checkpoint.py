"""Stopping a long operation between two of its steps."""

import threading
from collections.abc import Callable

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.core.failure import RpcFailure

Checkpoint = Callable[[], None]
"""Called between the steps of a long operation; raises to stop it there."""


def go_on() -> None:
    """Stop nothing: the checkpoint of an operation that always runs to its end."""


class StopFlag:
    """Stops file operations when the service is to end; may be used from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Stop every operation that has `check` as its checkpoint. Idempotent."""
        self._event.set()

    def check(self) -> None:
        """Let an operation go on, or stop it.

        Raises:
            RpcFailure: It has to stop.
        """
        if self._event.is_set():
            raise RpcFailure(
                ErrorCode.INTERNAL,
                ErrorReason.SHUTTING_DOWN,
                "cannot finish the file operation: the service is shutting down",
            )
