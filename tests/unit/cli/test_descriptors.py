"""Standard descriptors are read and written without holding up the event loop."""

import asyncio
import os
import pty
import select
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from telexec_client.cli.descriptors import InputDescriptor, OutputDescriptor
from tests.harness.deadline import eventually, within

MIB = 1024 * 1024


class Pipe:
    """Both ends of a pipe."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()

    def close(self) -> None:
        """Close what is still open."""
        for fd in (self.read_end, self.write_end):
            with suppress(OSError):
                os.close(fd)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with closing(Pipe()) as made:
        yield made


@contextmanager
def opened(name: str, flags: int) -> Generator[int]:
    fd = os.open(name, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def pipe_is_full(write_end: int) -> bool:
    return not select.select([], [write_end], [], 0)[1]


def read_all(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as file:
        return file.read()


async def test_a_pipe_that_nobody_reads_holds_up_the_writer_and_nothing_else(pipe: Pipe) -> None:
    data = bytes(range(256)) * 4096
    writing = asyncio.ensure_future(OutputDescriptor(pipe.write_end).write(data))
    await eventually(lambda: pipe_is_full(pipe.write_end))
    # The loop still turns.
    await asyncio.sleep(0)
    assert not writing.done()

    reading = asyncio.get_running_loop().run_in_executor(None, read_all, pipe.read_end)
    await within(writing, what="the write")
    os.close(pipe.write_end)
    assert await within(reading, what="the reader") == data


async def test_a_write_that_waits_can_be_given_up(pipe: Pipe) -> None:
    writing = asyncio.ensure_future(OutputDescriptor(pipe.write_end).write(bytes(MIB)))
    await eventually(lambda: pipe_is_full(pipe.write_end))
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing


async def test_a_pipe_without_a_reader_is_broken(pipe: Pipe) -> None:
    os.close(pipe.read_end)
    with pytest.raises(BrokenPipeError):
        await OutputDescriptor(pipe.write_end).write(b"lost")


async def test_a_reader_that_goes_while_the_writer_waits_breaks_the_pipe(pipe: Pipe) -> None:
    writing = asyncio.ensure_future(OutputDescriptor(pipe.write_end).write(bytes(MIB)))
    await eventually(lambda: pipe_is_full(pipe.write_end))
    os.close(pipe.read_end)
    with pytest.raises(BrokenPipeError):
        await within(writing, what="the write")


async def test_a_pipe_that_was_made_non_blocking_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.write_end, False)
    reading = asyncio.get_running_loop().run_in_executor(None, read_all, pipe.read_end)
    await within(OutputDescriptor(pipe.write_end).write(bytes(MIB)), what="the write")
    os.close(pipe.write_end)
    assert len(await within(reading, what="the reader")) == MIB


async def test_a_file_takes_everything(tmp_path: Path) -> None:
    path = tmp_path / "file"
    data = os.urandom(3 * MIB)
    with path.open("wb") as file:
        await OutputDescriptor(file.fileno()).write(data)
    assert path.read_bytes() == data


async def test_a_full_device_is_an_error() -> None:
    with opened("/dev/full", os.O_WRONLY) as full, pytest.raises(OSError, match="No space"):
        await OutputDescriptor(full).write(b"x")


async def test_a_pipe_is_read_as_data_comes_and_to_its_end(pipe: Pipe) -> None:
    source = InputDescriptor(pipe.read_end)
    os.write(pipe.write_end, b"one")
    assert await within(source.read(), what="the first piece") == b"one"
    waiting = asyncio.ensure_future(source.read())
    await asyncio.sleep(0)
    assert not waiting.done()
    os.write(pipe.write_end, b"two")
    assert await within(waiting, what="the second piece") == b"two"
    os.close(pipe.write_end)
    assert await within(source.read(), what="the end") == b""


async def test_a_file_and_a_device_are_read_to_their_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    for name, expected in ((str(path), [b"content", b""]), (os.devnull, [b""])):
        with opened(name, os.O_RDONLY) as fd:
            source = InputDescriptor(fd)
            assert [await source.read() for _ in expected] == expected


async def test_a_terminal_is_read_line_by_line() -> None:
    with ExitStack() as stack:
        controller, terminal = pty.openpty()
        stack.callback(os.close, controller)
        stack.callback(os.close, terminal)
        source = InputDescriptor(terminal)
        os.write(controller, b"typed\n")
        assert await within(source.read(), what="a line") == b"typed\n"


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_no_descriptor_that_is_opened_later_is_taken_for_a_standard_one(
    closed: tuple[int, ...],
) -> None:
    script = """
import os, sys
from telexec_client.cli.standard_descriptors import claim_standard_descriptors
report = os.dup(int(sys.argv[1]))
for fd in eval(sys.argv[2]):
    os.close(fd)
claim_standard_descriptors()
os.write(report, b"%d" % os.open("/", os.O_RDONLY))
"""
    read_end, write_end = os.pipe()
    with open(read_end, "rb") as report:
        subprocess.run(
            [sys.executable, "-c", script, str(write_end), repr(closed)],
            check=True,
            pass_fds=[write_end],
        )
        os.close(write_end)
        assert int(report.read()) > 2
