import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from telexec_client.core.inbox import FIRST_BYTES, USUAL_BYTES, Inbox

MAX_MESSAGE_BYTES = 16 * 1024 * 1024

SIZES = st.one_of(
    st.integers(0, 200),
    st.sampled_from([125, 126, 127, 65_535, 65_536, FIRST_BYTES, USUAL_BYTES, 3 * USUAL_BYTES]),
)


def inbox() -> Inbox:
    return Inbox(max_message_bytes=MAX_MESSAGE_BYTES)


def put(receiving: Inbox, content: bytes) -> int:
    """Receive as much of it as there is room for, and return how much that was."""
    room = receiving.room()
    assert len(room) > 0
    size = min(len(room), len(content))
    room[:size] = content[:size]
    receiving.filled(size)
    return size


def taken(receiving: Inbox) -> list[tuple[bool, bytes, bytes]]:
    frames: list[tuple[bool, bytes, bytes]] = []
    while (frame := receiving.take()) is not None:
        frames.append((frame.is_message, bytes(frame.content), bytes(frame.payload)))
    return frames


def received(receiving: Inbox, content: bytes, at_once: int) -> list[tuple[bool, bytes, bytes]]:
    frames: list[tuple[bool, bytes, bytes]] = []
    while content:
        content = content[put(receiving, content[:at_once]) :]
        frames += taken(receiving)
    return frames


def wire(frame: Frame) -> bytes:
    return frame.serialize(mask=False)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([Opcode.TEXT, Opcode.BINARY]), SIZES)
        | st.tuples(st.sampled_from([Opcode.PING, Opcode.PONG, Opcode.CLOSE]), st.integers(0, 125)),
        max_size=8,
    ),
    st.one_of(st.integers(1, 50), st.integers(1000, 2 * USUAL_BYTES)),
)
def test_frames_leave_as_they_were_sent_however_they_come(
    kinds_and_sizes: list[tuple[Opcode, int]], at_once: int
) -> None:
    frames = [Frame(opcode, bytes([size % 251]) * size) for opcode, size in kinds_and_sizes]
    content = b"".join(map(wire, frames))
    # A byte at a time is slow, and says no more of much than of little.
    at_once = max(at_once, len(content) // 2000 + 1)
    receiving = inbox()
    assert received(receiving, content, at_once) == [
        (frame.opcode in {Opcode.TEXT, Opcode.BINARY}, wire(frame), bytes(frame.data))
        for frame in frames
    ]
    assert not receiving.is_strange
    assert receiving.take_all() == b""


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param(b"\x82\x85", id="masked"),
        pytest.param(b"\x82\xfe", id="masked, with a longer size"),
        pytest.param(b"\xc2\x05", id="a reserved bit"),
        pytest.param(b"\x83\x05", id="an opcode that nobody knows"),
        pytest.param(b"\x02\x05", id="a part of a message"),
        pytest.param(b"\x80\x05", id="the last part of one"),
        pytest.param(b"\x09\x05", id="a part of a ping"),
        pytest.param(b"\x89\x7e", id="a large ping"),
        pytest.param(b"\x82\x7f" + (MAX_MESSAGE_BYTES + 1).to_bytes(8, "big"), id="too large"),
        pytest.param(b"\x82\x7f" + b"\xff" * 8, id="larger than can be"),
    ],
)
def test_what_is_strange_stays_together_with_all_that_follows(strange: bytes) -> None:
    receiving = inbox()
    message = wire(Frame(Opcode.TEXT, b"sound"))
    assert received(receiving, message + strange, 1000) == [(True, message, b"sound")]
    assert receiving.is_strange
    assert received(receiving, message, 1000) == []
    assert receiving.take_all() == strange + message


def test_memory_follows_what_has_come_and_not_what_was_announced() -> None:
    receiving = inbox()
    put(receiving, b"\x82\x7f" + MAX_MESSAGE_BYTES.to_bytes(8, "big"))
    assert receiving.take() is None
    assert len(receiving.room()) < FIRST_BYTES


def test_memory_is_given_back_after_a_large_frame() -> None:
    receiving = inbox()
    large = wire(Frame(Opcode.BINARY, bytes(8 * USUAL_BYTES)))
    small = wire(Frame(Opcode.TEXT, b"small"))
    half = len(small) // 2
    frames = received(receiving, large + small[:half], USUAL_BYTES)
    assert [len(payload) for _, _, payload in frames] == [8 * USUAL_BYTES]
    assert len(receiving.room()) <= USUAL_BYTES
    assert received(receiving, small[half:], USUAL_BYTES) == [(True, small, b"small")]


def test_what_was_taken_out_can_be_put_back() -> None:
    receiving = inbox()
    message = wire(Frame(Opcode.TEXT, b"message"))
    put(receiving, b"head" + message)
    content = receiving.take_all()
    receiving.put_back(content[len(b"head") :])
    assert taken(receiving) == [(True, message, b"message")]
