import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from telexec_client.cli.session_book import KnownProcess, KnownSession, SessionBook
from telexec_client.cli.state_file import MAX_FILE_BYTES, StateFile, StateFileError

WRITERS = 6
CHANGES = 12

MANY_CHANGES = """
import sys
from telexec_client.cli.session_book import KnownSession
from telexec_client.cli.state_file import StateFile
path, writer, changes = sys.argv[1:]
for number in range(int(changes)):
    name = f"{writer}-{number}"
    known = KnownSession(name, f"id-{name}", "ws://one:1", 1, 2)
    StateFile(path, lock_timeout_s=60).change(lambda book: book.with_session(known))
"""


def session(name: str = "nightly") -> KnownSession:
    return KnownSession(
        name,
        f"id-{name}",
        "ws://one:1",
        lease_ms=30_000,
        left_at_ms=1_000,
        token_file="/token",
        instance="a",
        processes=(KnownProcess("p1", "make", 500),),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "telexec" / "sessions.json"


@pytest.fixture
def file(path: Path) -> StateFile:
    return StateFile(str(path), lock_timeout_s=0.2)


def noted(file: StateFile, *names: str) -> None:
    for name in names:
        file.change(lambda book, name=name: book.with_session(session(name)))


def names_in(file: StateFile) -> list[str]:
    return [it.name for it in file.read().sessions]


def test_without_a_file_no_session_is_known(file: StateFile) -> None:
    assert file.read() == SessionBook()


def test_what_was_noted_is_read_again_as_it_was(file: StateFile) -> None:
    noted(file, "nightly")
    assert list(file.read().sessions) == [session()]


def test_nobody_else_can_read_it(file: StateFile, path: Path) -> None:
    noted(file, "nightly")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"sessions": [{"name": 1}]}', b"\xff", b" " * (MAX_FILE_BYTES + 1)],
)
def test_a_damaged_file_is_an_empty_one_and_is_put_aside_by_the_next_change(
    file: StateFile, path: Path, content: bytes
) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert file.read() == SessionBook()
    assert file.is_damaged()
    assert path.read_bytes() == content
    noted(file, "nightly")
    assert names_in(file) == ["nightly"]
    assert path.with_name("sessions.json.damaged").read_bytes() == content


def test_a_full_disk_is_said_and_leaves_the_file_as_it_was(file: StateFile, path: Path) -> None:
    noted(file, "nightly")
    # What is written there never fits.
    path.with_name("sessions.json.new").symlink_to("/dev/full")
    with pytest.raises(StateFileError, match="No space left on device"):
        noted(file, "other")
    assert names_in(file) == ["nightly"]
    noted(file, "other")
    assert names_in(file) == ["nightly", "other"]


def test_a_place_that_cannot_be_written_is_said_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, where a directory should be")
    file = StateFile(str(tmp_path / "state" / "telexec" / "sessions.json"))
    with pytest.raises(StateFileError, match=r"cannot write .*/state/telexec/sessions.json"):
        noted(file, "nightly")


def test_a_file_that_cannot_be_read_is_said(path: Path, file: StateFile) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StateFileError, match=r"cannot read .*Is a directory"):
        file.read()


def test_writers_at_the_same_time_lose_nothing(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", MANY_CHANGES, str(path), str(it), str(CHANGES)])
        for it in range(WRITERS)
    ]
    assert [it.wait(60) for it in writers] == [0] * WRITERS
    expected = {f"{writer}-{number}" for writer in range(WRITERS) for number in range(CHANGES)}
    assert set(names_in(StateFile(str(path)))) == expected


def test_a_writer_that_holds_the_file_too_long_is_not_waited_for(
    file: StateFile, path: Path
) -> None:
    noted(file, "nightly")
    fd = os.open(f"{path}.lock", os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        with pytest.raises(StateFileError, match="another telexec"):
            noted(file, "other")
        # Who only reads does not wait.
        assert names_in(file) == ["nightly"]
    finally:
        os.close(fd)
    noted(file, "other")
    assert names_in(file) == ["nightly", "other"]


def test_a_change_that_changes_nothing_writes_nothing(file: StateFile, path: Path) -> None:
    noted(file, "nightly")
    before = path.stat().st_ino
    file.change(lambda book: book.without({"no such id"}))
    assert path.stat().st_ino == before
