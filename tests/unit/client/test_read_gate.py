from telexec_client.connection.read_gate import ReadGate

LIMIT = 1_000


class Tap:
    """A transport that only knows whether it is read from."""

    def __init__(self) -> None:
        self.is_reading = True

    last_heard = 0.0

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def send(self, frame: bytes) -> None: ...

    async def drain(self) -> None: ...

    def abort(self) -> None: ...

    async def close(self) -> None: ...


def gate_of(tap: Tap) -> ReadGate:
    gate = ReadGate(limit_bytes=LIMIT)
    gate.attach(tap)
    return gate


def test_reading_stops_when_too_much_is_unread_and_goes_on_when_half_of_it_was_read() -> None:
    tap = Tap()
    gate = gate_of(tap)
    gate.count_unread(LIMIT)
    assert tap.is_reading
    gate.count_unread(1)
    assert not tap.is_reading
    gate.count_unread(-LIMIT // 4)
    assert not tap.is_reading
    gate.count_unread(-LIMIT // 2)
    assert tap.is_reading


def test_who_waits_gets_what_he_waits_for_however_much_is_unread() -> None:
    tap = Tap()
    gate = gate_of(tap)
    gate.count_unread(10 * LIMIT)
    gate.count_waiting(1)
    assert tap.is_reading
    gate.count_unread(10 * LIMIT)
    assert tap.is_reading
    gate.count_waiting(-1)
    assert not tap.is_reading


def test_another_transport_is_governed_from_its_beginning() -> None:
    first, second = Tap(), Tap()
    gate = gate_of(first)
    gate.count_unread(2 * LIMIT)
    gate.attach(None)
    gate.attach(second)
    assert not second.is_reading
