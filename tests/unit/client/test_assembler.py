"""Whatever a connection loses: every byte comes once and in order, or its loss is told."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec import UNSET

from telexec_client.core.assembler import OutputAssembler, PushedEvent
from telexec_schemas.identifiers import ProcessId, Seq
from telexec_schemas.process import (
    OutputBatch,
    OutputChunk,
    OutputGap,
    OutputPushed,
    ProcessClosed,
    ProcessExited,
    Stream,
    Usage,
)

ID = ProcessId("p")


@dataclass
class Recorder:
    """A sink that keeps all it is given."""

    output_bytes: bytes = b""
    offset: int = 0
    places: list[tuple[int, bytes]] = field(default_factory=list)
    losses: list[int | None] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    closings: int = 0

    def output(self, stream: Stream, chunk: bytes) -> None:
        assert self.closings == 0
        self.output_bytes += chunk
        self.places.append((self.offset, chunk))
        self.offset += len(chunk)

    def lost(self, lost_bytes: int | None) -> None:
        assert self.closings == 0
        self.losses.append(lost_bytes)
        self.offset += lost_bytes or 0

    def exited(
        self, exit_code: int, signal: str | None, reason: str | None, usage: Usage | None
    ) -> None:
        self.exits.append(exit_code)

    def closed(self) -> None:
        self.closings += 1


class Host(RuleBasedStateMachine):
    """A host that numbers events, retains some, pushes over connections that break, is read."""

    @initialize(
        retained_bytes=st.sampled_from([0, 3, 10, 1_000_000]),
        tells_lost=st.booleans(),
        max_held_bytes=st.sampled_from([0, 600, 1_000_000]),
        read_limit=st.sampled_from([1, 2, 1_000]),
        part_bytes=st.sampled_from([1, 2, None]),
    )
    def begin(
        self,
        retained_bytes: int,
        tells_lost: bool,
        max_held_bytes: int,
        read_limit: int,
        part_bytes: int | None,
    ) -> None:
        self.retained_bytes = retained_bytes
        self.tells_lost = tells_lost
        self.read_limit = read_limit
        self.part_bytes = part_bytes if tells_lost else None
        self.events: list[PushedEvent] = []
        self.pushed = 0
        self.sink = Recorder()
        self.assembler = OutputAssembler(self.sink, max_held_bytes=max_held_bytes)
        self.is_attached = True
        self.must_read = False
        self.asked: tuple[Seq, int, int] | None = None
        self.answered: OutputBatch | None = None

    def has(self, kind: type[PushedEvent]) -> bool:
        return any(isinstance(event, kind) for event in self.events)

    @property
    def next_seq(self) -> Seq:
        return Seq(len(self.events) + 1)

    @precondition(lambda self: not self.has(ProcessClosed))
    @rule(chunk=st.binary(min_size=1, max_size=4), stream=st.sampled_from(["stdout", "stderr"]))
    def write(self, chunk: bytes, stream: Stream) -> None:
        self.events.append(OutputPushed(ID, self.next_seq, stream, chunk))

    @precondition(lambda self: not self.has(ProcessExited))
    @rule()
    def exit(self) -> None:
        self.events.append(ProcessExited(ID, self.next_seq, exit_code=7))

    @precondition(lambda self: self.has(ProcessExited) and not self.has(ProcessClosed))
    @rule()
    def close(self) -> None:
        self.events.append(ProcessClosed(ID, self.next_seq))

    @precondition(lambda self: self.is_attached)
    @rule(count=st.integers(1, 4))
    def push(self, count: int) -> None:
        for event in self.events[self.pushed : self.pushed + count]:
            self.pushed += 1
            self.assembler.push(event)
        if self.assembler.has_hole:
            self.must_read = True

    @precondition(lambda self: self.is_attached)
    @rule()
    def break_connection(self) -> None:
        # What was sent and did not arrive is gone; a new connection begins behind it.
        self.is_attached = False
        self.asked = self.answered = None

    @precondition(lambda self: not self.is_attached)
    @rule(unsent=st.integers(0, 3))
    def resume(self, unsent: int) -> None:
        self.is_attached = True
        self.pushed = max(self.pushed, len(self.events) - unsent)
        self.assembler.attached()
        self.must_read = True

    @precondition(lambda self: self.is_attached and self.must_read and self.asked is None)
    @rule()
    def begin_read(self) -> None:
        self.asked = *self.assembler.begin_read(), self.assembler.part_bytes

    @precondition(lambda self: self.asked is not None and self.answered is None)
    @rule()
    def answer_read(self) -> None:
        assert self.asked is not None
        self.answered = self.answer(*self.asked)

    @precondition(lambda self: self.answered is not None)
    @rule()
    def end_read(self) -> None:
        assert self.answered is not None
        batch, self.asked, self.answered = self.answered, None, None
        self.must_read = self.assembler.replay(batch)

    def answer(self, after_seq: Seq, after_bytes: int, known_bytes: int) -> OutputBatch:
        chunks = [event for event in self.events if isinstance(event, OutputPushed)]
        kept: list[OutputPushed] = []
        size = 0
        for event in reversed(chunks):
            if kept and size + len(event.chunk) > self.retained_bytes:
                break
            kept.insert(0, event)
            size += len(event.chunk)
        end = sum(len(event.chunk) for event in chunks)
        news = [event for event in kept if event.seq > after_seq][: self.read_limit]
        if self.part_bytes is not None and news:
            first = news[0]
            rest = first.chunk[known_bytes:] if first.seq == after_seq + 1 else first.chunk
            is_begun = len(rest) > self.part_bytes
            cut = rest[: self.part_bytes] if is_begun else rest
            news[0] = OutputPushed(ID, first.seq, first.stream, cut)
            if is_begun:
                return self.batch(news[:1], first.seq, end - size - after_bytes)
        is_all = not news or not [event for event in kept if event.seq > news[-1].seq]
        next_seq = self.next_seq if is_all else Seq(news[-1].seq + 1)
        return self.batch(news, next_seq, end - size - after_bytes)

    def batch(self, news: list[OutputPushed], next_seq: Seq, lost_bytes: int) -> OutputBatch:
        return OutputBatch(
            chunks=[OutputChunk(event.seq, event.stream, event.chunk) for event in news],
            next_seq=next_seq,
            exited=self.has(ProcessExited),
            exit_code=7 if self.has(ProcessExited) else None,
            closed=self.has(ProcessClosed),
            lost=max(lost_bytes, 0) if self.tells_lost else UNSET,
        )

    def teardown(self) -> None:
        if not hasattr(self, "events"):
            return
        if not self.has(ProcessExited):
            self.exit()
        if not self.has(ProcessClosed):
            self.close()
        if not self.is_attached:
            self.resume(0)
        self.push(len(self.events))
        # A read may bring one byte of one piece, and takes three steps.
        output = [event.chunk for event in self.events if isinstance(event, OutputPushed)]
        for _ in range(3 * (len(self.events) + sum(map(len, output)) + 1)):
            if self.answered is not None:
                self.end_read()
            elif self.asked is not None:
                self.answer_read()
            elif self.must_read:
                self.begin_read()
        assert not self.must_read
        self.check()

    def check(self) -> None:
        sink = self.sink
        everything = b"".join(e.chunk for e in self.events if isinstance(e, OutputPushed))
        assert sink.exits == [7]
        assert sink.closings == 1
        if self.tells_lost:
            assert sink.offset == len(everything)
            for offset, chunk in sink.places:
                assert everything[offset : offset + len(chunk)] == chunk
        elif sink.output_bytes != everything:
            assert sink.losses
            rest = iter(everything)
            assert all(byte in rest for byte in sink.output_bytes)
        else:
            assert sink.losses == []
        if self.retained_bytes >= 1_000_000:
            assert sink.losses == []
            assert sink.output_bytes == everything


Host.TestCase.settings = settings(max_examples=400, stateful_step_count=40, deadline=None)
TestHost = Host.TestCase


@given(st.permutations(range(6)), st.integers(0, 5))
def test_events_in_any_order_and_twice_come_once_and_in_order(
    order: list[int], repeated: int
) -> None:
    events: list[PushedEvent] = [
        OutputPushed(ID, Seq(number + 1), "stdout", b"%d" % number) for number in range(4)
    ]
    events.append(ProcessExited(ID, Seq(5), exit_code=0))
    events.append(ProcessClosed(ID, Seq(6)))
    sink = Recorder()
    assembler = OutputAssembler(sink, max_held_bytes=1_000_000)
    for index in (*order, repeated):
        assembler.push(events[index])
    assert (sink.output_bytes, sink.exits, sink.closings) == (b"0123", [0], 1)
    assert not assembler.has_hole
    assert sink.losses == []


def test_the_end_behind_lost_output_is_no_second_loss() -> None:
    sink = Recorder()
    assembler = OutputAssembler(sink, max_held_bytes=1_000_000)
    assembler.push(OutputPushed(ID, Seq(1), "stdout", b"first"))
    assembler.attached()
    # 2 to 8 were lost; 10 and 11 are the exit and the close, which a read does not number.
    for news, next_seq in (([9], 10), ([], 12)):
        after_seq, _ = assembler.begin_read()
        chunks = [OutputChunk(Seq(seq), "stdout", b"last") for seq in news if seq > after_seq]
        assembler.replay(
            OutputBatch(
                chunks=chunks, next_seq=Seq(next_seq), exited=True, exit_code=3, closed=True
            )
        )
    assert sink.output_bytes == b"firstlast"
    assert (sink.losses, sink.exits, sink.closings) == ([None], [3], 1)


def test_a_hole_that_the_host_cannot_fill_is_given_up_and_told() -> None:
    sink = Recorder()
    assembler = OutputAssembler(sink, max_held_bytes=1_000_000)
    assembler.push(OutputPushed(ID, Seq(4), "stdout", b"late"))
    assert assembler.has_hole
    assembler.begin_read()
    nothing = OutputBatch(chunks=[], next_seq=Seq(1), exited=False, exit_code=None, closed=False)
    assert assembler.replay(nothing) is False
    assert sink.losses == [None]
    assert sink.output_bytes == b"late"


def test_what_was_pushed_while_a_read_was_under_way_is_not_told_as_lost() -> None:
    sink = Recorder()
    assembler = OutputAssembler(sink, max_held_bytes=1_000_000)
    assembler.begin_read()
    assembler.push(OutputPushed(ID, Seq(1), "stdout", b"pushed"))
    # The host answers when it has already dropped what it pushed, and more.
    evicted = OutputBatch(
        chunks=[OutputChunk(Seq(3), "stdout", b"kept")],
        next_seq=Seq(4),
        exited=False,
        exit_code=None,
        closed=False,
        lost=10,
    )
    assembler.replay(evicted)
    assert sink.losses == [4]
    assert sink.offset == 14


def test_a_gap_that_is_told_is_lost_output_of_just_that_size() -> None:
    sink = Recorder()
    assembler = OutputAssembler(sink, max_held_bytes=1_000)

    assembler.push(OutputPushed(ID, Seq(1), "stdout", b"ab"))
    assembler.push(OutputGap(ID, Seq(2), Seq(5), 7))
    assembler.push(OutputPushed(ID, Seq(5), "stdout", b"c"))

    assert sink.places == [(0, b"ab"), (9, b"c")]
    assert sink.losses == [7]
    assert not assembler.has_hole


def test_a_gap_behind_a_hole_is_left_to_the_read_that_fills_the_hole() -> None:
    sink = Recorder()
    assembler = OutputAssembler(sink, max_held_bytes=1_000)

    assembler.push(OutputGap(ID, Seq(2), Seq(5), 7))
    assembler.push(OutputPushed(ID, Seq(5), "stdout", b"c"))
    assert assembler.has_hole
    assert assembler.begin_read() == (0, 0)
    chunks = [OutputChunk(Seq(5), "stdout", b"c")]
    batch = OutputBatch(chunks, Seq(6), exited=False, exit_code=None, closed=False, lost=9)
    assembler.replay(batch)

    assert sink.losses == [9]
    assert sink.places == [(9, b"c")]
    assert not assembler.has_hole


def begun(sink: Recorder) -> OutputAssembler:
    """Return an assembler that has read "be" of the first piece, "begun"."""
    assembler = OutputAssembler(sink, max_held_bytes=1_000)
    assembler.begin_read()
    chunks = [OutputChunk(Seq(1), "stdout", b"be")]
    batch = OutputBatch(chunks, Seq(1), exited=False, exit_code=None, closed=False, lost=0)
    assert assembler.replay(batch) is True
    assert assembler.part_bytes == 2
    return assembler


def test_of_a_piece_that_is_pushed_when_it_was_begun_to_be_read_the_rest_is_taken() -> None:
    sink = Recorder()
    assembler = begun(sink)

    assembler.push(OutputPushed(ID, Seq(1), "stdout", b"begun"))
    assembler.push(OutputPushed(ID, Seq(2), "stdout", b"next"))

    assert sink.places == [(0, b"be"), (2, b"gun"), (5, b"next")]
    assert assembler.part_bytes == 0


def test_a_gap_that_begins_with_a_piece_that_was_begun_is_left_to_a_read() -> None:
    sink = Recorder()
    assembler = begun(sink)

    assembler.push(OutputGap(ID, Seq(1), Seq(3), 9))
    assert assembler.has_hole
    assert assembler.begin_read() == (0, 2)
    chunks = [OutputChunk(Seq(3), "stdout", b"c")]
    batch = OutputBatch(chunks, Seq(4), exited=False, exit_code=None, closed=False, lost=7)
    assembler.replay(batch)

    assert sink.losses == [7]
    assert sink.places == [(0, b"be"), (9, b"c")]
    assert not assembler.has_hole
