"""The two ends of a transport: what the layers above see of it, and what it tells them."""

from collections.abc import Callable
from typing import Protocol


class Peer(Protocol):
    """The other side of one connection."""

    @property
    def address(self) -> str:
        """Where it comes from: `IP:PORT`, `unix:uid=N` or `stdio`."""
        ...

    @property
    def credential(self) -> bytes | None:
        """The SHA-256 of the token that it was let in with; None where none is asked."""
        ...

    @property
    def is_congested(self) -> bool:
        """Whether output should wait for `Receiver.on_writable`."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether it has to take what was sent before it is answered more."""
        ...

    def send(self, *parts: bytes) -> None:
        """Queue one message, given in parts; all of one turn of the loop leave in one write."""
        ...

    @property
    def takes_binary(self) -> bool:
        """Whether `send_binary` may be used."""
        ...

    def send_binary(self, header: bytes, data: bytes) -> None:
        """Queue one binary message."""
        ...

    def close(self, why: str) -> None:
        """End the connection after what is queued, because the peer broke the protocol."""
        ...

    def dismiss(self, why: str) -> None:
        """End the connection after what is queued, because its session is another client's now."""
        ...

    async def is_alive(self) -> bool:
        """Ask the peer for a sign of life; False once it failed to give one in time."""
        ...

    def confirm(self, on_confirmed: Callable[[], None]) -> None:
        """Have a function called, later, once the peer has taken all that was sent before this.

        It is never called if the connection is lost before the peer has said so.
        """
        ...


class Receiver(Protocol):
    """What a transport tells of one connection."""

    def on_message(self, payload: bytes, /) -> None:
        """Take one message."""
        ...

    def on_writable(self) -> None:
        """Go on with output: the peer is no longer congested. What is full is congested, too."""
        ...

    def on_lost(self) -> None:
        """Note that the connection is gone. Called once, last."""
        ...
