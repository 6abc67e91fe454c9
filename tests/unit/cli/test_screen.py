import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.cli.screen import ScreenModes

ENTER = b"\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b="
LEAVE = b"\x1b[?1l\x1b>\x1b[?1049l"


def after(*shown: bytes) -> ScreenModes:
    modes = ScreenModes()
    for piece in shown:
        modes.follow(piece)
    return modes


def test_a_program_that_tidies_up_leaves_nothing_to_undo() -> None:
    modes = after(b"$ vi\r\n" + ENTER + b"\x1b[H text \x1b[1m")
    assert modes.is_alternate
    modes.follow(LEAVE)
    assert not modes.is_alternate
    assert modes.undo() == b""


@pytest.mark.parametrize(
    ("shown", "undone"),
    [
        (b"\x1b[?1049h", b"\x1b[?1049l"),
        (b"\x1b[?25l", b"\x1b[?25h"),
        (b"\x1b[?7l", b"\x1b[?7h"),
        (b"\x1b[?2004h", b"\x1b[?2004l"),
        (b"\x1b[?1000;1006h", b"\x1b[?1000l\x1b[?1006l"),
        (b"\x1b=", b"\x1b>"),
    ],
)
def test_what_is_left_changed_is_undone(shown: bytes, undone: bytes) -> None:
    assert after(shown).undo() == undone + b"\x1b[0m"
    assert after(shown, undone).undo() == b""
    assert after(after(shown).redo()).undo() == after(shown).undo()
    assert after(shown, b"\x1bc").undo() == b""


@given(st.lists(st.integers(0, 200)))
def test_in_whatever_pieces_it_comes_it_is_followed_alike(cuts: list[int]) -> None:
    text = b"a" + ENTER + b"b\x1b[?25l\x1b[?1000;1002h" + LEAVE + b"\x1b[0m\x1b[?12h"
    places = [0, *sorted(cut % len(text) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    assert after(*pieces).undo() == after(text).undo() == after(b"\x1b[?25l\x1b[?1000;1002h").undo()


@given(st.lists(st.one_of(st.binary(), st.text("\x1b[?0194;hl=>c").map(str.encode))))
def test_any_bytes_can_be_followed(pieces: list[bytes]) -> None:
    after(*pieces).undo()
