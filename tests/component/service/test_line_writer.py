import asyncio
import fcntl
import os
import pty
import socket
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from telexec_service.observability.line_writer import LineWriter

CAPACITY = 10_000
LINE = b"%0199d\n"

pytestmark = pytest.mark.both_loops


def tell(count: int) -> bytes:
    return b"dropped %d\n" % count


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    read_end, write_end = os.pipe()
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


def writer_to(descriptor: int) -> LineWriter:
    writer = LineWriter(descriptor, tell, max_waiting_bytes=CAPACITY)
    writer.open()
    return writer


def pipe_size(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)


async def turn() -> None:
    """Let the loop end its turn, and look for what became ready."""
    for _ in range(3):
        await asyncio.sleep(0)


async def take(descriptor: int, size: int) -> bytes:
    """Read so much while the loop runs."""
    data = b""
    async with asyncio.timeout(10):
        while len(data) < size:
            data += await asyncio.to_thread(os.read, descriptor, size - len(data))
    return data


async def test_the_lines_of_a_turn_leave_at_its_end(ends: tuple[int, int]) -> None:
    writer = writer_to(ends[1])
    writer.write(b"one\n")
    writer.write(b"two\n")
    assert await take(ends[0], 8) == b"one\ntwo\n"
    writer.close()


async def test_what_nobody_reads_waits_and_then_is_dropped_and_told(ends: tuple[int, int]) -> None:
    read_end, write_end = ends
    writer = writer_to(write_end)
    count = (pipe_size(write_end) + CAPACITY) // len(LINE % 0) + 100
    for number in range(count):
        writer.write(LINE % number)
        await turn()
    assert writer.dropped > 0
    kept = count - writer.dropped
    told = tell(writer.dropped)
    expected = b"".join(LINE % number for number in range(kept)) + told
    assert await take(read_end, len(expected)) == expected
    writer.write(b"again\n")
    assert await take(read_end, 6) == b"again\n"
    writer.close()


async def test_the_flags_of_what_others_share_are_not_touched(ends: tuple[int, int]) -> None:
    writer = writer_to(ends[1])
    assert os.get_blocking(ends[1])
    writer.close()
    assert os.get_blocking(ends[1])


async def test_a_reader_that_is_gone_is_no_failure(ends: tuple[int, int]) -> None:
    read_end, write_end = os.pipe()
    writer = writer_to(write_end)
    os.close(read_end)
    writer.write(b"one\n")
    writer.write(b"two\n")
    await turn()
    assert writer.dropped == 2
    writer.close()
    os.close(write_end)


async def test_a_file_that_is_full_gets_its_lines_later_and_the_number_of_the_missing(
    tmp_path: Path,
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    target = os.dup(full)
    writer = writer_to(target)
    for _ in range(3):
        writer.write(b"lost\n")
        await turn()
    assert writer.dropped == 3
    os.dup2(file, target)
    writer.write(b"kept\n")
    await turn()
    assert (tmp_path / "log").read_bytes() == tell(3) + b"kept\n"
    writer.close()
    for descriptor in (full, file, target):
        os.close(descriptor)


async def test_a_socket_that_nobody_reads_holds_nobody_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        writer = writer_to(ours.fileno())
        number = 0
        while not writer.dropped:
            writer.write(LINE % number)
            number += 1
            await turn()
        expected = b"".join(LINE % it for it in range(number - 1)) + tell(1)
        assert await take(theirs.fileno(), len(expected)) == expected
        assert ours.getblocking()
        writer.close()


async def test_a_terminal_that_stands_still_holds_nobody_up() -> None:
    master, terminal = pty.openpty()
    tty.setraw(terminal)
    writer = writer_to(terminal)
    number = 0
    while not writer.dropped:
        writer.write(LINE % number)
        number += 1
        await turn()
    expected = b"".join(LINE % it for it in range(number - 1)) + tell(1)
    assert await take(master, len(expected)) == expected
    writer.close()
    os.close(master)
    os.close(terminal)


async def test_a_line_longer_than_a_pipe_takes_at_once_arrives_whole(ends: tuple[int, int]) -> None:
    writer = writer_to(ends[1])
    line = b"x" * 9_000 + b"\n"
    writer.write(line)
    assert await take(ends[0], len(line)) == line
    writer.close()


async def test_the_end_waits_for_a_reader_only_so_long(ends: tuple[int, int]) -> None:
    read_end, write_end = ends
    writer = writer_to(write_end)
    filler = pipe_size(write_end) // len(LINE % 0) + 10
    for number in range(filler):
        writer.write(LINE % number)
    await turn()
    writer.close()
    os.set_blocking(read_end, False)
    assert os.read(read_end, 200) == LINE % 0


async def test_without_a_loop_lines_are_written_at_once(ends: tuple[int, int]) -> None:
    writer = LineWriter(ends[1], tell)
    writer.write(b"one\n")
    os.set_blocking(ends[0], False)
    assert os.read(ends[0], 100) == b"one\n"
    writer.close()
