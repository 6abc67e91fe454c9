"""What the supervisor and its workers say to each other, over a socket between the two."""

import msgspec

from telexec_service.config import Config
from telexec_service.observability.numbers import Numbers


class Serve(msgspec.Struct, frozen=True, tag=True):
    """To a worker, once, first: what to serve. A descriptor comes with it: the tally's memory."""

    config: Config
    slot: int
    uvloop: bool


class Arrived(msgspec.Struct, frozen=True, tag=True):
    """To a worker: serve this connection. Its socket comes with it. See `Arrival`."""

    number: int
    client: str | None = None
    answered: int = 0


class Reload(msgspec.Struct, frozen=True, tag=True):
    """To a worker: read the files again."""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """To a worker: end; said again: soon."""


class Count(msgspec.Struct, frozen=True, tag=True):
    """To a worker: say your numbers, and with that, that you are alive."""


class Total(msgspec.Struct, frozen=True, tag=True):
    """To a worker that asked: the numbers of all."""

    numbers: Numbers


class Ready(msgspec.Struct, frozen=True, tag=True):
    """From a worker: connections may come."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it cannot serve, and why."""

    why: str


class Reloaded(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it has read the files again."""


class Counted(msgspec.Struct, frozen=True, tag=True):
    """From a worker: its numbers."""

    numbers: Numbers


class AddUp(msgspec.Struct, frozen=True, tag=True):
    """From a worker: say the numbers of all."""


class PassOn(msgspec.Struct, frozen=True, tag=True):
    """From a worker: this connection is for the worker in that slot.

    One end of a socket comes with it; the worker passes bytes between the other and the client.
    """

    slot: int
    number: int
    client: str
    answered: int


Order = Serve | Arrived | Reload | Stop | Count | Total
Report = Ready | Failed | Reloaded | Counted | AddUp | PassOn
Message = Order | Report
