"""What a command wrote since somebody last looked."""

from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from telexec_client.unified_exec.core.transcript import MAX_GAPS, Transcript
from telexec_schemas.process import Stream

STREAMS: tuple[Stream, ...] = ("stdout", "stderr")


def cut_up(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.text(), st.lists(st.integers(min_value=0)), st.lists(st.booleans(), min_size=1))
def test_text_comes_through_however_it_is_cut_and_whenever_somebody_looks(
    text: str, cuts: list[int], looks: list[bool]
) -> None:
    transcript = Transcript()
    seen = b""
    for number, piece in enumerate(cut_up(text.encode(), cuts)):
        transcript.output("stdout", piece)
        if looks[number % len(looks)]:
            excerpt = transcript.take(is_last=False)
            excerpt.text.decode()
            seen += excerpt.text
    assert (seen + transcript.take(is_last=True).text).decode() == text


@given(st.text(), st.text(), st.lists(st.integers(min_value=0)))
def test_a_character_of_one_stream_is_not_torn_apart_by_the_other(
    out: str, err: str, cuts: list[int]
) -> None:
    transcript = Transcript()
    pieces = [cut_up(text.encode(), cuts) for text in (out, err)]
    for number in range(max(map(len, pieces))):
        for stream, own in zip(STREAMS, pieces, strict=True):
            if number < len(own):
                transcript.output(stream, own[number])
    text = transcript.take(is_last=True).text.decode()
    assert sorted(text) == sorted(out + err)


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_any_bytes_become_text(pieces: list[bytes]) -> None:
    transcript = Transcript()
    for piece in pieces:
        transcript.output("pty", piece)
    assert transcript.unread_bytes == len(b"".join(pieces))
    excerpt = transcript.take(is_last=True)
    assert excerpt.text.decode() == b"".join(pieces).decode("utf-8", "replace")
    assert excerpt.total_bytes == len(b"".join(pieces))
    assert transcript.unread_bytes == 0


def test_the_rest_of_a_character_waits_until_nothing_can_follow() -> None:
    transcript = Transcript()
    transcript.output("pty", b"a\xe2\x82")
    assert transcript.take(is_last=False).text == b"a"
    assert transcript.unread_bytes == 2
    assert transcript.take(is_last=True).text.decode() == "�"


def test_what_does_not_fit_is_told_in_its_place() -> None:
    transcript = Transcript(capacity_bytes=4)
    transcript.output("stdout", b"abcdefghij")
    excerpt = transcript.take(is_last=False)
    assert excerpt.text == b"ab\n... 6 bytes omitted ...\nij"
    assert (excerpt.total_bytes, excerpt.omitted_bytes, excerpt.lost_bytes) == (10, 6, 0)


def test_a_gap_is_told_in_its_place_and_its_marker_is_no_output() -> None:
    transcript = Transcript()
    transcript.output("stdout", b"before\xe2")
    transcript.lost(1234)
    transcript.output("stdout", b"\x82after")
    excerpt = transcript.take(is_last=True)
    assert excerpt.text.decode() == "before�\n... 1234 bytes lost ...\n�after"
    assert (excerpt.total_bytes, excerpt.lost_bytes, excerpt.gaps) == (13, 1234, (1234,))
    assert transcript.take(is_last=True).gaps == ()


def test_a_gap_in_what_does_not_fit_is_told_beside_it() -> None:
    transcript = Transcript(capacity_bytes=4)
    for piece in (b"abcd", b"efgh", b"ij"):
        transcript.output("stdout", piece)
        transcript.lost(7)
    excerpt = transcript.take(is_last=False)
    assert excerpt.text == (
        b"ab\n... 6 bytes omitted ...\n\n... 7 bytes lost ...\n"
        b"\n... 7 bytes lost ...\nij\n... 7 bytes lost ...\n"
    )
    assert (excerpt.total_bytes, excerpt.omitted_bytes, excerpt.lost_bytes) == (10, 6, 21)


@given(st.lists(st.integers(0, 9) | st.binary(min_size=1, max_size=3), max_size=20))
def test_with_room_for_everything_each_gap_is_where_it_was(events: list[int | bytes]) -> None:
    transcript = Transcript()
    for event in events:
        if isinstance(event, bytes):
            transcript.output("pty", event.hex().encode())
        else:
            transcript.lost(event)
    told = transcript.take(is_last=True).text.decode()
    expected = ""
    for is_gap, group in groupby(events, lambda event: isinstance(event, int)):
        if is_gap:
            expected += f"\n... {sum(event for event in group if isinstance(event, int))}"
            expected += " bytes lost ...\n"
        else:
            expected += "".join(event.hex() for event in group if isinstance(event, bytes))
    assert told == expected


def test_more_gaps_than_are_told_apart_add_up() -> None:
    transcript = Transcript()
    for _ in range(MAX_GAPS + 10):
        transcript.output("pty", b"x")
        transcript.lost(1)
    excerpt = transcript.take(is_last=True)
    assert (len(excerpt.gaps), excerpt.lost_bytes) == (MAX_GAPS, MAX_GAPS + 10)


def test_a_gap_of_unknown_size_makes_all_of_it_unknown() -> None:
    transcript = Transcript()
    transcript.lost(5)
    transcript.lost(None)
    excerpt = transcript.take(is_last=True)
    assert b"an unknown number of bytes lost" in excerpt.text
    assert excerpt.lost_bytes is None
    assert excerpt.total_bytes == 0
