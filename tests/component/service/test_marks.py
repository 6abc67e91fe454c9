"""Marks are inherited by everything that a process starts, and tell it from everything else."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from telexec_service.processes.census import Census, Member
from telexec_service.processes.marks import BLOCK_SIZE, Mark, Marks, read_mark, to_mark
from tests.harness import programs
from tests.harness.required import skip_unless_required


@pytest.fixture
def marks() -> Marks:
    return Marks()


@pytest.fixture
def marked(marks: Marks) -> Iterator[subprocess.Popen[bytes]]:
    """Return a shell that was started with the serial 77, and does what it is told on stdin."""
    with marks.laid(77):
        shell = subprocess.Popen(
            ["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]}
        )
    yield shell
    shell.kill()
    shell.wait()
    assert shell.stdin is not None
    assert shell.stdout is not None
    shell.stdin.close()
    shell.stdout.close()


def said_by(shell: subprocess.Popen[bytes], command: str) -> bytes:
    assert shell.stdin is not None
    assert shell.stdout is not None
    shell.stdin.write(command.encode() + b"\n")
    shell.stdin.flush()
    return shell.stdout.readline()


def is_mark(mark: Mark | None, marks: Marks, serial: int) -> bool:
    return mark is not None and (mark.family, mark.serial) == (marks.family, serial)


def test_a_mark_stays_through_forks_execs_sessions_and_lost_parents(
    marks: Marks, marked: subprocess.Popen[bytes]
) -> None:
    orphan = int(said_by(marked, "(setsid nohup env sleep 600 >/dev/null 2>&1 & echo $!)"))
    assert is_mark(read_mark(marked.pid), marks, 77)
    assert is_mark(read_mark(orphan), marks, 77)
    Member(orphan, None).send((signal.SIGKILL,))


def test_who_lays_marks_carries_none(marks: Marks) -> None:
    before = read_mark(os.getpid())
    with marks.laid(5):
        assert is_mark(read_mark(os.getpid()), marks, 5)
    after = read_mark(os.getpid())
    assert (before and before.limit) == (after and after.limit)


def test_a_census_finds_all_that_is_marked(marks: Marks, marked: subprocess.Popen[bytes]) -> None:
    child = int(said_by(marked, "sleep 600 & echo $!"))
    census = Census(marks)
    for _ in range(2):
        ours = {pid for pid, mark in census.marked().items() if mark.family == marks.family}
        assert ours == {marked.pid, child}
    Member(child, None).send((signal.SIGKILL,))


@pytest.mark.root
def test_the_mark_of_another_users_process_is_found(marks: Marks) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        skip_unless_required("cannot become other users: needs root and setpriv(1)")
    foreign = programs.tool("setpriv", "--reuid=65534", "--clear-groups", *programs.echo())
    with marks.laid(9):
        process = subprocess.Popen(foreign, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"there\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"there\n"
        census = Census(marks)
        for _ in range(2):
            assert is_mark(census.marked().get(process.pid), marks, 9)
    finally:
        process.communicate()


def test_a_member_with_the_pid_of_another_is_not_signalled() -> None:
    process = subprocess.Popen(programs.sleep())
    try:
        member = Member(process.pid, None)
        member.started -= 1
        with pytest.raises(ProcessLookupError):
            member.send((signal.SIGKILL,))
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_marks_are_told_from_ordinary_limits() -> None:
    assert to_mark(-1) is None
    assert to_mark(0) is None
    assert to_mark(2**62 - 1) is None
    mark = to_mark(Mark(123, 456).limit)
    assert mark is not None
    assert (mark.family, mark.serial) == (123, 456)


def test_blocks_are_disjoint_and_come_again_only_when_given_back(marks: Marks) -> None:
    taken = [marks.take_block() for _ in range(100)]
    assert sum(len(block) for block in taken) == len(set().union(*taken)) == 100 * BLOCK_SIZE
    marks.give_block_back(taken[50])
    assert marks.take_block() not in taken
