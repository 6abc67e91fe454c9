import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.cli.escape_keys import EscapeAction, EscapeKeys

END, DETACH, HELP = EscapeAction.END, EscapeAction.DETACH, EscapeAction.HELP
TILDE = ord("~")


def sorted_keys(*typed: bytes, escape: int | None = TILDE) -> list[bytes | EscapeAction]:
    keys = EscapeKeys(escape, {END, HELP})
    return [part for piece in typed for part in keys.sort(piece)]


def passed(parts: list[bytes | EscapeAction]) -> bytes:
    return b"".join(part for part in parts if isinstance(part, bytes))


def asked(parts: list[bytes | EscapeAction]) -> list[EscapeAction]:
    return [part for part in parts if isinstance(part, EscapeAction)]


@pytest.mark.parametrize("before", [b"", b"ls\r", b"ls\n", b"~?", b"\r\r"])
def test_at_the_start_of_a_line_the_escape_and_a_key_are_not_for_the_host(before: bytes) -> None:
    assert sorted_keys(before + b"~.")[-1] is END
    assert b"." not in passed(sorted_keys(before + b"~."))


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        (b"a~.", b"a~."),
        (b"~~.", b"~."),
        (b"~~~.", b"~~."),
        (b"~/bin\r", b"~/bin\r"),
        # Of what nobody can ask for here, too.
        (b"~d", b"~d"),
        (b"~\r", b"~\r"),
    ],
)
def test_elsewhere_twice_and_before_other_keys_it_is_a_key(typed: bytes, sent: bytes) -> None:
    assert passed(sorted_keys(typed)) == sent
    assert END not in sorted_keys(typed)


def test_the_escape_is_held_back_until_the_next_key() -> None:
    assert sorted_keys(b"ls\r~") == [b"ls\r"]
    assert sorted_keys(b"~", b"?", b"x") == [HELP, b"x"]


def test_both_keys_detach_where_that_can_be_asked_for() -> None:
    for key in (b"d", b"&"):
        keys = EscapeKeys(TILDE, set(EscapeAction))
        assert list(keys.sort(b"ls\r~" + key + b"x")) == [b"ls\r", DETACH, b"x"]


def test_another_key_may_be_the_escape_or_none() -> None:
    assert sorted_keys(b"~.%.", escape=ord("%")) == [b"~.%."]
    assert sorted_keys(b"%.~.", escape=ord("%")) == [END, b"~."]
    assert passed(sorted_keys(b"~.\r~.", escape=None)) == b"~.\r~."


@given(st.lists(st.text("~.?d\r\nx").map(str.encode)))
def test_in_whatever_pieces_keys_come_they_are_sorted_alike(pieces: list[bytes]) -> None:
    whole, cut = sorted_keys(b"".join(pieces)), sorted_keys(*pieces)
    assert passed(whole) == passed(cut)
    assert asked(whole) == asked(cut)


@given(st.binary())
def test_without_the_escape_everything_is_for_the_host(typed: bytes) -> None:
    typed = typed.replace(b"~", b"")
    assert passed(sorted_keys(typed)) == typed
