import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.filesystem import MAX_BLOCK_BYTES, Block, CloseFile, OpenFile, ReadBlock
from telexec_schemas.identifiers import HandleId
from telexec_service.config import FileLimits
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.handles import FileHandles
from tests.harness import procfs
from tests.unit.filesystem.calls import uri

H = HandleId("h")


@pytest.fixture
def handles() -> Iterator[FileHandles]:
    """Return the handles of a session with room for four."""
    handles = FileHandles(FileLimits(max_open_files=4))
    yield handles
    handles.close_all()


def refusal(call: Callable[[], object]) -> RpcFailure:
    with pytest.raises(RpcFailure, match=r"^cannot ") as caught:
        call()
    return caught.value


def opened(handles: FileHandles, path: Path, handle: HandleId = H) -> HandleId:
    assert handles.open_file(OpenFile(handle, uri(path))).handle_id == handle
    return handle


def block(handles: FileHandles, offset: int, length: int, handle: HandleId = H) -> Block:
    return handles.read_block(ReadBlock(handle, offset, length))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=2_000),
    lengths=st.lists(st.integers(1, 700), min_size=1, max_size=40),
)
def test_blocks_of_any_lengths_read_one_after_the_other_are_the_file(
    tmp_path: Path, content: bytes, lengths: list[int]
) -> None:
    (tmp_path / "file").write_bytes(content)
    handles = FileHandles(FileLimits())
    opened(handles, tmp_path / "file")
    try:
        read = b""
        for length in [*lengths, *[700] * 4]:
            got = block(handles, len(read), length)
            assert got.eof is (len(got.chunk) < length)
            read += got.chunk
            if got.eof:
                break
    finally:
        handles.close_all()
    assert read == content


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300),
    blocks=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 400)), max_size=10),
)
def test_a_block_at_any_offset_is_that_part_of_the_file(
    tmp_path: Path, content: bytes, blocks: list[tuple[int, int]]
) -> None:
    (tmp_path / "file").write_bytes(content)
    handles = FileHandles(FileLimits())
    opened(handles, tmp_path / "file")
    try:
        for offset, length in blocks:
            expected = content[offset : offset + length]
            assert block(handles, offset, length) == Block(expected, eof=len(expected) < length)
    finally:
        handles.close_all()


def test_the_largest_block_is_read_at_once(tmp_path: Path, handles: FileHandles) -> None:
    content = os.urandom(MAX_BLOCK_BYTES + 1)
    (tmp_path / "file").write_bytes(content)
    opened(handles, tmp_path / "file")
    assert block(handles, 0, MAX_BLOCK_BYTES) == Block(content[:-1], eof=False)
    assert block(handles, MAX_BLOCK_BYTES, MAX_BLOCK_BYTES) == Block(content[-1:], eof=True)


def test_a_block_that_ends_where_the_file_ends_is_not_yet_the_end(
    tmp_path: Path, handles: FileHandles
) -> None:
    (tmp_path / "file").write_bytes(b"ab")
    opened(handles, tmp_path / "file")
    assert block(handles, 1, 1) == Block(b"b", eof=False)
    assert block(handles, 2, 1) == Block(b"", eof=True)


def test_an_open_file_is_read_as_it_is_now_also_when_its_name_is_gone(
    tmp_path: Path, handles: FileHandles
) -> None:
    (tmp_path / "file").write_bytes(b"before")
    opened(handles, tmp_path / "file")
    (tmp_path / "file").write_bytes(b"after that")
    (tmp_path / "file").unlink()
    assert block(handles, 0, 100) == Block(b"after that", eof=True)


@pytest.mark.parametrize(
    ("offset", "length", "code"),
    [
        (-1, 1, ErrorCode.INVALID_PARAMS),
        (0, -1, ErrorCode.INVALID_PARAMS),
        (0, 0, ErrorCode.INVALID_REQUEST),
        (0, MAX_BLOCK_BYTES + 1, ErrorCode.INVALID_REQUEST),
        (2**63 - 1, 1, ErrorCode.INVALID_REQUEST),
        (2**64, 1, ErrorCode.INVALID_REQUEST),
    ],
)
def test_a_block_out_of_range_is_refused(
    tmp_path: Path, handles: FileHandles, offset: int, length: int, code: ErrorCode
) -> None:
    (tmp_path / "file").touch()
    opened(handles, tmp_path / "file")
    failure = refusal(lambda: block(handles, offset, length))
    assert (failure.code, failure.reason) == (code, ErrorReason.PARAMS_INVALID)


def test_the_last_offset_that_a_file_can_have_is_read(tmp_path: Path, handles: FileHandles) -> None:
    (tmp_path / "file").touch()
    opened(handles, tmp_path / "file")
    offset = 2**63 - 1 - MAX_BLOCK_BYTES
    assert block(handles, offset, MAX_BLOCK_BYTES) == Block(b"", eof=True)


def test_an_unknown_handle_is_not_found_but_may_be_closed(handles: FileHandles) -> None:
    failure = refusal(lambda: block(handles, 0, 1))
    assert (failure.code, failure.reason) == (ErrorCode.NOT_FOUND, ErrorReason.HANDLE_UNKNOWN)
    handles.close_file(CloseFile(H))


def test_a_closed_handle_is_unknown_and_its_name_is_free_again(
    tmp_path: Path, handles: FileHandles
) -> None:
    (tmp_path / "file").touch()
    before = procfs.open_fds()
    opened(handles, tmp_path / "file")
    handles.close_file(CloseFile(H))
    handles.close_file(CloseFile(H))
    assert procfs.open_fds() == before
    assert refusal(lambda: block(handles, 0, 1)).reason is ErrorReason.HANDLE_UNKNOWN
    opened(handles, tmp_path / "file")


def test_a_handle_in_use_is_refused_and_stays_what_it_was(
    tmp_path: Path, handles: FileHandles
) -> None:
    (tmp_path / "first").write_bytes(b"first")
    (tmp_path / "second").write_bytes(b"second")
    opened(handles, tmp_path / "first")
    failure = refusal(lambda: opened(handles, tmp_path / "second"))
    assert (failure.code, failure.reason) == (
        ErrorCode.INVALID_REQUEST,
        ErrorReason.HANDLE_EXISTS,
    )
    assert block(handles, 0, 10).chunk == b"first"


def test_no_more_files_are_open_than_allowed(tmp_path: Path, handles: FileHandles) -> None:
    (tmp_path / "file").touch()
    for number in range(4):
        opened(handles, tmp_path / "file", HandleId(str(number)))
    failure = refusal(lambda: opened(handles, tmp_path / "file"))
    assert (failure.code, failure.reason, failure.limit) == (
        ErrorCode.INVALID_REQUEST,
        ErrorReason.LIMIT_REACHED,
        4,
    )
    handles.close_file(CloseFile(HandleId("0")))
    opened(handles, tmp_path / "file")


def test_a_handle_of_absurd_length_is_refused(tmp_path: Path, handles: FileHandles) -> None:
    (tmp_path / "file").touch()
    failure = refusal(lambda: opened(handles, tmp_path / "file", HandleId("h" * 2_000)))
    assert failure.code is ErrorCode.INVALID_PARAMS
    assert len(failure.message) < 200


@pytest.mark.parametrize("name", ["directory", "fifo"])
def test_only_regular_files_are_opened_and_nothing_blocks_or_leaks(
    tmp_path: Path, handles: FileHandles, name: str
) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    before = procfs.open_fds()
    failure = refusal(lambda: opened(handles, tmp_path / name))
    assert (failure.code, failure.reason) == (ErrorCode.INVALID_REQUEST, ErrorReason.NOT_A_FILE)
    assert procfs.open_fds() == before
    assert len(handles) == 0


def test_an_open_file_is_not_inherited_by_children(tmp_path: Path, handles: FileHandles) -> None:
    (tmp_path / "file").touch()
    before = procfs.open_fds()
    opened(handles, tmp_path / "file")
    (fd,) = set(procfs.open_fds()) - set(before)
    assert not os.get_inheritable(fd)


def test_a_session_that_is_over_holds_nothing_and_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    before = procfs.open_fds()
    handles = FileHandles(FileLimits())
    for number in range(3):
        opened(handles, tmp_path / "file", HandleId(str(number)))
    handles.close_all()
    handles.close_all()
    assert procfs.open_fds() == before
    refusal(lambda: opened(handles, tmp_path / "file"))
    assert procfs.open_fds() == before


def test_closing_while_others_read_gives_nobody_the_bytes_of_another_file(tmp_path: Path) -> None:
    """A descriptor that is closed in use is soon another file's: then a reader gets that one's."""
    (tmp_path / "right").write_bytes(b"right" * 1_000)
    (tmp_path / "wrong").write_bytes(b"wrong" * 1_000)
    handles = FileHandles(FileLimits())
    rounds, readers = 200, 4
    start = threading.Barrier(readers + 1, timeout=30)
    before = procfs.open_fds()

    def read() -> set[bytes | ErrorReason]:
        outcomes: set[bytes | ErrorReason] = set()
        for _ in range(rounds):
            start.wait()
            try:
                outcomes.add(block(handles, 0, 5_000).chunk)
            except RpcFailure as failure:
                outcomes.add(failure.reason)
        return outcomes

    with ThreadPoolExecutor(readers) as threads:
        results = [threads.submit(read) for _ in range(readers)]
        for _ in range(rounds):
            opened(handles, tmp_path / "right")
            start.wait()
            handles.close_file(CloseFile(H))
            with (tmp_path / "wrong").open("rb"):
                pass  # takes the lowest free descriptor
        for result in results:
            expected = {b"right" * 1_000, ErrorReason.HANDLE_UNKNOWN}
            assert result.result(timeout=30) <= expected
    assert procfs.open_fds() == before
