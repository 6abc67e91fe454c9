"""A connection that another process accepted and gave to this one."""

import msgspec


class Arrival(msgspec.Struct, frozen=True):
    """What this process cannot see of it.

    Attributes:
        number: Tells it from the other connections of the service.
        client: Where it comes from, if a worker that it was given to first passes its bytes on;
            None: the client is at the other end of the socket.
        answered: How many messages that worker has answered; they come again.
    """

    number: int
    client: str | None = None
    answered: int = 0

    @property
    def is_relayed(self) -> bool:
        """Whether another worker passes its bytes on, and has done for it what is done once."""
        return self.client is not None
