"""What happens to a process, as readers are told of it: each with a number."""

import msgspec

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Stream, Usage


class Output(msgspec.Struct, frozen=True, gc=False):
    """A piece of output. `end` is the offset of its last byte plus one, over all output."""

    seq: Seq
    stream: Stream
    data: bytes
    end: int


class Exited(msgspec.Struct, frozen=True):
    """The process is gone; `exit_code` is 128+N after death by signal N."""

    seq: Seq
    exit_code: int
    signal: str | None
    reason: str
    usage: Usage


class Closed(msgspec.Struct, frozen=True):
    """The last event: the output is closed and the exit is known."""

    seq: Seq


class Gap(msgspec.Struct, frozen=True):
    """Output that can be told no more: the events from `seq` up to, not including, `next_seq`."""

    seq: Seq
    next_seq: Seq
    lost_bytes: int


Event = Output | Exited | Closed
