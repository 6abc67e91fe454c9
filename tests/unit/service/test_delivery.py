from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from telexec_schemas.identifiers import Seq
from telexec_schemas.process import Usage
from telexec_service.core.delivery import Delivery
from telexec_service.core.events import Output
from telexec_service.core.output_log import OutputLog

CAPACITY = 1000
PIECE = 100


class Stream(RuleBasedStateMachine):
    """A process, its log, and a client that loses its connection whenever it likes."""

    credit: int | None = None

    @initialize()
    def begin(self) -> None:
        self.log = OutputLog(capacity_bytes=CAPACITY, capacity_events=200)
        self.delivery = Delivery(self.log, credit_bytes=self.credit)
        self.written = b""
        self.received = b""
        self.last_seq = 0
        self.is_attached = True
        self.under_way: list[Output] = []

    @precondition(lambda self: not self.delivery.is_log_full)
    @rule(size=st.integers(1, PIECE))
    def the_process_writes(self, size: int) -> None:
        data = bytes((len(self.written) + i) % 251 for i in range(size))
        self.written += data
        self.log.append_output("stdout", data)
        self.log.trim(self.delivery.pinned_byte)

    @precondition(lambda self: self.is_attached and self.may_be_under_way())
    @rule()
    def an_event_is_pushed(self) -> None:
        event = self.delivery.next_event()
        if event is None:
            return
        assert isinstance(event, Output)
        self.delivery.mark_sent(event)
        self.log.trim(self.delivery.pinned_byte)
        self.under_way.append(event)

    @precondition(lambda self: self.under_way)
    @rule()
    def an_event_arrives(self) -> None:
        self.receive(self.under_way.pop(0).seq)

    @precondition(lambda self: self.is_attached)
    @rule()
    def the_connection_is_cut_with_all_that_is_under_way(self) -> None:
        self.is_attached = False
        self.under_way.clear()
        self.delivery.detach()

    @precondition(lambda self: not self.is_attached)
    @rule()
    def the_client_comes_back_and_catches_up(self) -> None:
        self.is_attached = True
        self.delivery.attach()
        for piece in self.log.read(Seq(self.last_seq), None).pieces:
            self.receive(piece.seq)
        self.log.trim(self.delivery.pinned_byte)

    def may_be_under_way(self) -> bool:
        """With credit the service bounds what is under way; without, the network has to."""
        size = sum(len(event.data) for event in self.under_way)
        return self.credit is not None or size <= CAPACITY // 2 - 2 * PIECE

    def receive(self, seq: Seq) -> None:
        if seq <= self.last_seq:
            return
        event = self.log.event(seq)
        assert isinstance(event, Output)
        assert seq == self.last_seq + 1, "something between was dropped before it arrived"
        self.last_seq = seq
        self.received += event.data
        if self.credit is not None:
            self.delivery.grant(len(self.received) + self.credit, len(self.received))

    @invariant()
    def what_arrived_is_what_was_written(self) -> None:
        if hasattr(self, "received"):
            assert self.written.startswith(self.received)

    @invariant()
    def memory_is_bounded(self) -> None:
        if hasattr(self, "log"):
            assert self.log.retained_bytes <= CAPACITY + PIECE


class StreamWithCredit(Stream):
    credit = CAPACITY // 2


class StreamWithTinyCredit(Stream):
    credit = 1


TestCutsLoseNothing = Stream.TestCase
TestCutsLoseNothingWithCredit = StreamWithCredit.TestCase
TestCutsLoseNothingWithLessCreditThanAPiece = StreamWithTinyCredit.TestCase


def delivery_of(data: list[bytes], credit: int | None) -> Delivery:
    log = OutputLog(capacity_bytes=CAPACITY, capacity_events=200)
    for piece in data:
        log.append_output("stdout", piece)
    return Delivery(log, credit_bytes=credit)


def pushed(delivery: Delivery) -> list[int]:
    numbers = []
    while (event := delivery.next_event()) is not None:
        delivery.mark_sent(event)
        numbers.append(event.seq)
    return numbers


def test_output_beyond_the_credit_waits_until_more_is_granted() -> None:
    delivery = delivery_of([b"x" * 10] * 6, credit=20)

    assert pushed(delivery) == [1, 2]
    delivery.grant(40, 20)
    assert pushed(delivery) == [3, 4]


def test_a_smaller_credit_than_before_changes_nothing() -> None:
    delivery = delivery_of([b"x" * 10] * 6, credit=40)

    delivery.grant(10, 0)

    assert pushed(delivery) == [1, 2, 3, 4]


def test_the_end_needs_no_credit() -> None:
    log = OutputLog(capacity_bytes=CAPACITY, capacity_events=200)
    delivery = Delivery(log, credit_bytes=0)
    log.append_exit(0, None, "exited", Usage(0, 0))
    log.append_closed()

    assert pushed(delivery) == [1, 2]
    assert delivery.has_sent_all


def test_a_credit_of_nothing_lets_no_output_through() -> None:
    assert pushed(delivery_of([b"x"], credit=0)) == []


def test_a_process_that_prints_single_characters_waits_before_it_fills_the_memory() -> None:
    delivery = delivery_of([b"x"] * 100, credit=None)

    assert delivery.is_log_full
    pushed(delivery)
    assert not delivery.is_log_full


def test_a_client_that_renews_no_credit_for_tiny_pieces_cannot_fill_the_memory() -> None:
    log = OutputLog(capacity_bytes=CAPACITY, capacity_events=100)
    delivery = Delivery(log, credit_bytes=CAPACITY)
    while not delivery.is_log_full:
        log.append_output("stdout", b"x")
        pushed(delivery)
        log.trim(delivery.pinned_byte)

    assert log.retained_events == 200
    delivery.grant(CAPACITY + 150, 150)
    log.trim(delivery.pinned_byte)
    assert not delivery.is_log_full


def test_what_a_client_may_be_sent_ahead_of_what_arrived_is_bounded_by_the_log() -> None:
    log = OutputLog(capacity_bytes=CAPACITY, capacity_events=200)
    delivery = Delivery(log, credit_bytes=100 * CAPACITY)
    while not delivery.is_log_full:
        log.append_output("stdout", b"x" * PIECE)
        pushed(delivery)
        log.trim(delivery.pinned_byte)

    assert log.total_bytes == CAPACITY
    delivery.grant(100 * CAPACITY, PIECE)
    assert not delivery.is_log_full


def test_a_client_cannot_have_received_more_than_was_sent() -> None:
    log = OutputLog(capacity_bytes=CAPACITY, capacity_events=200)
    delivery = Delivery(log, credit_bytes=0)
    log.append_output("stdout", b"x" * PIECE)
    delivery.grant(0, PIECE)

    assert delivery.pinned_byte == 0


def test_even_the_smallest_log_lets_a_process_write_while_nothing_waits() -> None:
    log = OutputLog(capacity_bytes=1, capacity_events=1)
    delivery = Delivery(log, credit_bytes=None)
    assert not delivery.is_log_full
    log.append_output("stdout", b"x")
    assert delivery.is_log_full
    event = delivery.next_event()
    assert event is not None
    delivery.mark_sent(event)
    assert not delivery.is_log_full
