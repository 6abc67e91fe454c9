"""What carries frames to a host and back, whatever is underneath."""

from typing import Protocol


class Receiver(Protocol):
    """Gets what a transport brings. Called on the event loop; must not block."""

    def on_frame(self, payload: bytes | bytearray | memoryview) -> None:
        """Take one frame; a view of it is good until this returns."""
        ...

    def on_lost(self, why: str, *, is_hung_up: bool) -> None:
        """Learn that the transport is gone. The last call; not made after `Transport.close`.

        Args:
            why: For people to read.
            is_hung_up: The host's side ended it; otherwise it fell silent, or we gave it up.
        """
        ...


class Transport(Protocol):
    """An open way to a host. It keeps the order of frames and loses none while it lives."""

    @property
    def last_heard(self) -> float:
        """When the host was last heard, by the loop's clock."""
        ...

    def send(self, frame: bytes) -> None:
        """Send a frame; frames of one turn of the loop leave together. Does nothing once lost."""
        ...

    async def drain(self) -> None:
        """Wait until what was sent is mostly on its way; returns at once when lost."""
        ...

    def pause_reading(self) -> None:
        """Stop taking frames, so that the host has to wait. Idempotent."""
        ...

    def resume_reading(self) -> None:
        """Take frames again. Idempotent."""
        ...

    def abort(self) -> None:
        """Give up at once; nothing is delivered afterwards. Idempotent."""
        ...

    async def close(self) -> None:
        """Say goodbye, under a deadline, and give up everything. Idempotent."""
        ...


class Dialer(Protocol):
    """Knows a way to a host."""

    @property
    def address(self) -> str:
        """The host, for people to read."""
        ...

    @property
    def can_redial(self) -> bool:
        """Whether the same host is reached again after a loss."""
        ...

    async def dial(self, receiver: Receiver) -> Transport:
        """Open a transport. When cancelled, nothing is left of it.

        Raises:
            HostUnreachableError: Nothing answers.
            AuthenticationError: The token is refused, or cannot be read.
            CertificateError: The host is not believed to be the one that was meant.
            HandshakeError: Something else answers.
        """
        ...
