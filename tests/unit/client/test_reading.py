"""Going through output by lines and as text."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client import errors
from telexec_client.core.credit import CreditWindow
from telexec_client.process.buffer import WINDOW_BYTES, OutputBuffer
from telexec_client.process.output_lines import OutputLines
from telexec_client.process.reading import OutputStream
from telexec_schemas.process import Stream


class Nobody:
    """Counts nothing."""

    def count_unread(self, change_bytes: int) -> None:
        """See `UnreadCounter`."""

    def count_waiting(self, change: int) -> None:
        """See `UnreadCounter`."""


def buffer_with(*pieces: tuple[Stream, bytes], merge_stderr: bool = False) -> OutputBuffer:
    buffer = OutputBuffer(
        "prog",
        credit=CreditWindow(WINDOW_BYTES),
        announce=lambda _: None,
        counter=Nobody(),
        merge_stderr=merge_stderr,
    )
    for stream, data in pieces:
        buffer.output(stream, data)
    return buffer


async def test_lines_of_both_streams_are_whole_and_come_as_they_end() -> None:
    buffer = buffer_with(
        ("stdout", b"out 1\nou"), ("stderr", b"err 1\ner"), ("stdout", b"t 2\n"), ("stderr", b"r 2")
    )
    buffer.close()
    lines = [line async for line in OutputLines(buffer, stdout=True, stderr=True).lines()]
    assert lines == [b"out 1\n", b"err 1\n", b"out 2\n", b"err 2"]


async def test_what_a_loop_over_lines_left_can_still_be_read() -> None:
    buffer = buffer_with(("stdout", b"1\n2\n3\nhalf"), ("stderr", b"a\nb"), ("stdout", b"rest"))
    async for line in OutputLines(buffer, stdout=True, stderr=True).lines():
        assert line == b"1\n"
        break
    collected = buffer.collect()
    assert (collected.stdout, collected.stderr) == (b"2\n3\nhalfrest", b"a\nb")
    assert buffer.unread_bytes == 0


async def test_what_was_put_back_comes_in_its_order() -> None:
    buffer = buffer_with(("stdout", b"1\n2"), ("stderr", b"a\nb\n"), ("stdout", b"\n3\n"))
    lines = OutputLines(buffer, stdout=True, stderr=True).lines()
    assert [await anext(lines), await anext(lines)] == [b"1\n", b"a\n"]
    del lines
    buffer.output("stderr", b"c\n")
    buffer.close()
    lines = OutputLines(buffer, stdout=True, stderr=True).lines()
    assert [line async for line in lines] == [b"b\n", b"2\n", b"3\n", b"c\n"]


async def test_who_reads_lines_of_one_stream_leaves_the_other_alone() -> None:
    buffer = buffer_with(("stdout", b"out\n"), ("stderr", b"err\n"))
    buffer.close()
    stream = OutputStream(buffer, is_stdout=False)
    assert [line async for line in stream.lines(text=True)] == ["err\n"]
    assert buffer.collect().stdout == b"out\n"


async def test_a_line_that_is_too_long_is_an_error_and_the_next_one_comes_next() -> None:
    buffer = buffer_with(("stdout", b"short\n" + b"x" * 50), ("stdout", b"y" * 50 + b"\nnext\n"))
    buffer.close()
    lines = OutputStream(buffer, is_stdout=True).lines(max_line_bytes=20)
    assert await anext(lines) == b"short\n"
    with pytest.raises(errors.LineTooLongError) as overlong:
        await anext(lines)
    assert (overlong.value.start, overlong.value.limit_bytes) == (b"x" * 20, 20)
    assert [line async for line in lines] == [b"next\n"]


async def test_a_gap_cuts_the_line_that_it_is_in() -> None:
    buffer = buffer_with(("stdout", b"one\ntw"))
    buffer.lost(7)
    buffer.output("stdout", b"ree\nfour\n")
    buffer.close()
    lines = OutputStream(buffer, is_stdout=True).lines()
    assert [await anext(lines), await anext(lines)] == [b"one\n", b"tw"]
    with pytest.raises(errors.OutputGapError) as gap:
        await anext(lines)
    assert gap.value.lost_bytes == 7
    assert [line async for line in lines] == [b"ree\n", b"four\n"]


async def test_a_gap_that_a_loop_did_not_get_to_is_still_there() -> None:
    buffer = buffer_with(("stdout", b"one\ntw"))
    buffer.lost(7)
    lines = OutputStream(buffer, is_stdout=True).lines()
    assert [await anext(lines), await anext(lines)] == [b"one\n", b"tw"]
    del lines
    assert buffer.collect().lost_bytes == 7


async def test_the_start_of_a_line_comes_before_the_failure_that_keeps_its_end_away() -> None:
    buffer = buffer_with(("stdout", b"begun"))
    buffer.fail(errors.ClientClosedError)
    lines = OutputStream(buffer, is_stdout=True).lines()
    assert await anext(lines) == b"begun"
    for _ in range(2):
        with pytest.raises(errors.ClientClosedError):
            await anext(lines)


async def test_a_line_that_is_no_text_is_an_error_and_the_next_one_comes_next() -> None:
    buffer = buffer_with(("stdout", b"caf\xe9\nnext\n"))
    buffer.close()
    lines = OutputStream(buffer, is_stdout=True).lines(text=True)
    with pytest.raises(errors.OutputEncodingError) as undecoded:
        await anext(lines)
    assert (undecoded.value.data, undecoded.value.encoding) == (b"caf\xe9\n", "utf-8")
    assert [line async for line in lines] == ["next\n"]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"encoding": "latin-1"}, "caf\u00e9\n"),
        ({"text": True, "errors": "replace"}, "caf\ufffd\n"),
    ],
)
async def test_lines_are_text_in_the_encoding_that_is_wanted(
    options: dict[str, object], line: str
) -> None:
    buffer = buffer_with(("stdout", b"caf\xe9\n"))
    buffer.close()
    lines = OutputStream(buffer, is_stdout=True).lines(**options)
    assert [it async for it in lines] == [line]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"encoding": "no-such-encoding"}, LookupError),
        ({"text": True, "errors": "no-such-way"}, LookupError),
        ({"encoding": "utf-16"}, LookupError),
        ({"max_line_bytes": 0}, ValueError),
        ({"max_lines_bytes": 7}, TypeError),
    ],
)
def test_what_cannot_be_read_so_is_said_before_anything_is_read(
    options: dict[str, object], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        OutputStream(buffer_with(), is_stdout=True).lines(**options)


TEXT = "Gr\u00fc\u00dfe \u2026 \U0001f600\n"


@given(st.lists(st.integers(0, len(TEXT.encode())), max_size=6))
def test_no_character_is_cut_wherever_its_bytes_are(cuts: list[int]) -> None:
    data = TEXT.encode()
    edges = [0, *sorted(cuts), len(data)]

    async def read() -> list[str]:
        buffer = buffer_with(*[("stdout", data[a:b]) for a, b in pairwise(edges)])
        buffer.close()
        return [text async for text in OutputStream(buffer, is_stdout=True).text()]

    with asyncio.Runner() as runner:
        texts = runner.run(read())
    assert "".join(texts) == TEXT
    assert "" not in texts


async def test_the_beginning_of_a_character_that_a_loop_did_not_give_can_still_be_read() -> None:
    buffer = buffer_with(("stdout", "a\u2026".encode()[:-1]))
    texts = OutputStream(buffer, is_stdout=True).text()
    assert await anext(texts) == "a"
    del texts
    buffer.output("stdout", "\u2026".encode()[-1:])
    assert buffer.collect().stdout == "\u2026".encode()


async def test_text_that_is_none_is_an_error_and_reading_goes_on_behind_it() -> None:
    buffer = buffer_with(("stdout", "\u2026".encode()[:2]), ("stdout", b"\xff"), ("stdout", b"ok"))
    buffer.output("stdout", "\u2026".encode()[:1])
    buffer.close()
    texts = OutputStream(buffer, is_stdout=True).text()
    with pytest.raises(errors.OutputEncodingError) as undecoded:
        await anext(texts)
    assert undecoded.value.data == "\u2026".encode()[:2] + b"\xff"
    assert await anext(texts) == "ok"
    with pytest.raises(errors.OutputEncodingError):
        await anext(texts)
    with pytest.raises(StopAsyncIteration):
        await anext(texts)


async def test_a_character_does_not_go_on_behind_a_gap() -> None:
    buffer = buffer_with(("stdout", "x\u2026".encode()[:2]))
    buffer.lost(9)
    buffer.output("stdout", b"y")
    texts = OutputStream(buffer, is_stdout=True).text()
    assert await anext(texts) == "x"
    with pytest.raises(errors.OutputGapError):
        await anext(texts)
    assert await anext(texts) == "y"


async def test_streams_that_are_one_come_in_their_order() -> None:
    buffer = buffer_with(("stdout", b"1"), ("stderr", b"2"), ("stdout", b"3"), merge_stderr=True)
    collected = buffer.collect()
    assert (collected.stdout, collected.stderr) == (b"123", b"")


async def test_what_is_put_back_is_not_credit_again() -> None:
    announced: list[int] = []
    buffer = OutputBuffer(
        "prog", credit=CreditWindow(WINDOW_BYTES), announce=announced.append, counter=Nobody()
    )
    buffer.output("stdout", b"x\n" + bytes(WINDOW_BYTES - 2))
    lines = OutputStream(buffer, is_stdout=True).lines(max_line_bytes=WINDOW_BYTES)
    assert await anext(lines) == b"x\n"
    assert announced.pop() == 2 * WINDOW_BYTES
    del lines
    assert buffer.unread_bytes == WINDOW_BYTES - 2
    buffer.collect()
    assert announced == []
