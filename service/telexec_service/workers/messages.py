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


class SayList(msgspec.Struct, frozen=True, tag=True):
    """To a worker: say your sessions, for the worker in that slot; its question has that number."""

    asker: int
    number: int


class Asked(msgspec.Struct, frozen=True, tag=True):
    """To a worker that wants the sessions of the others: which were asked.

    `silent`: those that were not, because they owe this worker the answer to another question.
    """

    number: int
    slots: tuple[int, ...]
    silent: tuple[int, ...] = ()


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


class AskOthers(msgspec.Struct, frozen=True, tag=True):
    """From a worker: have the others say their sessions. `number`: which of its questions it is."""

    number: int


class SaidList(msgspec.Struct, frozen=True, tag=True):
    """From a worker, and then to the one that asked: sessions of the worker in the slot `owner`.

    A file comes with it that holds a `SessionList` as JSON; none: it cannot say.
    """

    asker: int
    owner: int
    number: int


Order = Serve | Arrived | Reload | Stop | Count | Total | SayList | Asked | SaidList
Report = Ready | Failed | Reloaded | Counted | AddUp | PassOn | AskOthers | SaidList
Message = Order | Report
