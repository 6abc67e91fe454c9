import asyncio
import fcntl
import os
from collections.abc import AsyncIterator

import pytest

from telexec_schemas.process import Stream
from telexec_service.core.gathering import SMALL_BYTES, SPAN_BYTES
from telexec_service.processes.output_pipe import OutputPipe
from telexec_service.processes.readiness import Readiness
from tests.harness.deadline import DEADLINE_S

pytestmark = pytest.mark.both_loops

PART = b"x" * (SMALL_BYTES // 2)
FLOW_BYTES = SPAN_BYTES + SMALL_BYTES
"""A larger part, by which the pipe is found to carry much, and then small ones."""


class Writer:
    """A program that writes in parts, each of which is read before it writes the next."""

    def __init__(self, readiness: Readiness) -> None:
        output, self.descriptor = os.pipe()
        os.set_blocking(output, False)
        self.read_bytes = 0
        self._has_read = asyncio.Event()
        self.pipe = OutputPipe(
            readiness, output, "stdout", self._note, self._has_read.set, retained_bytes=2**20
        )
        self.pipe.set_reading(True)

    async def write_until_it_is_given_time(self) -> None:
        await self.until_read(os.write(self.descriptor, b"x" * SMALL_BYTES))
        for _ in range((FLOW_BYTES - SMALL_BYTES) // len(PART)):
            await self.write()

    async def write(self) -> None:
        expected_bytes = self.read_bytes + os.write(self.descriptor, PART)
        await self.until_read(expected_bytes)

    async def until_read(self, expected_bytes: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while self.read_bytes < expected_bytes:
                self._has_read.clear()
                await self._has_read.wait()

    def _note(self, stream: Stream, data: bytes) -> None:
        assert stream == "stdout"
        self.read_bytes += len(data)
        self._has_read.set()


@pytest.fixture
async def writer() -> AsyncIterator[Writer]:
    readiness = Readiness()
    writer = Writer(readiness)
    yield writer
    writer.pipe.close()
    readiness.close()
    os.close(writer.descriptor)


async def test_a_pipe_that_carries_much_in_small_parts_is_widened_too(writer: Writer) -> None:
    capacity = fcntl.fcntl(writer.descriptor, fcntl.F_GETPIPE_SZ)
    async with asyncio.timeout(DEADLINE_S):
        while fcntl.fcntl(writer.descriptor, fcntl.F_GETPIPE_SZ) == capacity:
            await writer.write()


async def test_a_writer_of_much_is_read_again_after_a_pause(writer: Writer) -> None:
    await writer.write_until_it_is_given_time()
    await writer.write()
    await writer.write()

    assert writer.read_bytes == FLOW_BYTES + 2 * len(PART)


async def test_what_was_there_at_the_exit_does_not_wait_for_the_end_of_a_pause(
    writer: Writer,
) -> None:
    await writer.write_until_it_is_given_time()
    os.write(writer.descriptor, PART)
    writer.pipe.note_exit()
    writer.pipe.read_owed()

    assert writer.read_bytes == FLOW_BYTES + len(PART)
    # Somebody else may have the pipe still.
    await writer.write()


async def test_a_pause_in_which_nothing_more_is_wanted_reads_nothing(writer: Writer) -> None:
    await writer.write_until_it_is_given_time()
    writer.pipe.set_reading(False)
    os.write(writer.descriptor, PART)
    await asyncio.sleep(0.01)

    assert writer.read_bytes == FLOW_BYTES
    writer.pipe.set_reading(True)
    await writer.until_read(FLOW_BYTES + len(PART))


async def test_a_pipe_can_be_closed_in_a_pause(writer: Writer) -> None:
    await writer.write_until_it_is_given_time()
    writer.pipe.close()
    await asyncio.sleep(0.01)

    assert writer.read_bytes == FLOW_BYTES
