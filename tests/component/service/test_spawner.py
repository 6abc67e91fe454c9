import os
from pathlib import Path

import pytest

from telexec_schemas.errors import ErrorReason
from telexec_service.core.failure import RpcFailure
from tests.component.service.conftest import Runner, output_of


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("no-such-program", ErrorReason.PROGRAM_NOT_FOUND),
        ("/no/such/program", ErrorReason.PROGRAM_NOT_FOUND),
        ("", ErrorReason.PROGRAM_NOT_FOUND),
        ("/etc/passwd/x", ErrorReason.PROGRAM_NOT_FOUND),
        ("/etc", ErrorReason.PROGRAM_NOT_EXECUTABLE),
        ("/etc/passwd", ErrorReason.PROGRAM_NOT_EXECUTABLE),
    ],
)
async def test_a_program_that_cannot_run_is_told_apart_from_one_that_is_not_there(
    runner: Runner, program: str, reason: ErrorReason
) -> None:
    with pytest.raises(RpcFailure) as got:
        runner.start([program])

    assert got.value.reason is reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"#!/no/such/interpreter\n", ErrorReason.PROGRAM_NOT_FOUND),
        (b"\x00neither script nor binary", ErrorReason.PROGRAM_NOT_EXECUTABLE),
    ],
)
async def test_a_file_that_the_kernel_cannot_execute_is_explained(
    runner: Runner, tmp_path: Path, content: bytes, reason: ErrorReason
) -> None:
    program = tmp_path / "program"
    program.write_bytes(content)
    program.chmod(0o755)

    with pytest.raises(RpcFailure) as got:
        runner.start([str(program)])

    assert got.value.reason is reason


@pytest.mark.parametrize(
    ("cwd", "reason"),
    [
        ("/no/such/directory", ErrorReason.CWD_NOT_FOUND),
        ("/etc/passwd", ErrorReason.CWD_NOT_DIRECTORY),
    ],
)
async def test_a_bad_directory_is_told_apart_from_a_bad_program(
    runner: Runner, cwd: str, reason: ErrorReason
) -> None:
    with pytest.raises(RpcFailure) as got:
        runner.start(["true"], cwd=cwd)

    assert got.value.reason is reason
    assert got.value.subject == cwd


async def test_starts_good_and_bad_leave_the_service_where_it_was(
    runner: Runner, tmp_path: Path
) -> None:
    before = os.getcwd()

    process = runner.start(["pwd"], cwd=str(tmp_path))
    with pytest.raises(RpcFailure):
        runner.start(["no-such-program"], cwd=str(tmp_path))

    assert os.getcwd() == before
    assert output_of(await runner.closed(process), "stdout") == os.fsencode(tmp_path) + b"\n"


async def test_a_relative_program_is_looked_for_in_the_childs_directory(
    runner: Runner, tmp_path: Path
) -> None:
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\necho mine\n")
    program.chmod(0o755)

    process = runner.start(["./tool"], cwd=str(tmp_path))

    assert output_of(await runner.closed(process), "stdout") == b"mine\n"


async def test_failed_starts_leave_no_descriptor(runner: Runner) -> None:
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(50):
        with pytest.raises(RpcFailure):
            runner.start(["no-such-program"], pipe_stdin=True)
        with pytest.raises(RpcFailure):
            runner.start(["true"], cwd="/no/such/directory")

    assert len(os.listdir("/proc/self/fd")) == before


async def test_an_argument_with_a_nul_is_refused(runner: Runner) -> None:
    with pytest.raises(RpcFailure) as got:
        runner.start(["echo", "a\0b"])

    assert got.value.reason is ErrorReason.ARGUMENTS_INVALID
