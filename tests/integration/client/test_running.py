"""Processes from start to end, by every way to a host."""

import asyncio
import hashlib
import os
import random
from pathlib import Path

import pytest

from telexec_client import Client, EnvironmentPolicy, ProcessLimits, TerminalSize, connect, errors
from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.service import running_service

pytestmark = pytest.mark.both_loops


async def test_a_process_is_run_and_its_output_and_end_are_returned(any_client: Client) -> None:
    done = await any_client.run(programs.say_both("to stdout", "to stderr"))
    assert (done.stdout, done.stderr) == (b"to stdout", b"to stderr")
    assert (done.exit_code, done.signal, done.reason) == (0, None, "exited")


async def test_an_exit_code_and_a_signal_are_told(any_client: Client) -> None:
    assert (await any_client.run(programs.exit_with(7))).exit_code == 7
    killed = await any_client.run(programs.die_by("TERM"))
    assert (killed.exit_code, killed.signal, killed.reason) == (143, "SIGTERM", "signaled")


async def test_output_comes_before_the_process_ends(any_client: Client) -> None:
    async with any_client.start(programs.say_and_sleep("early")) as process:
        assert await within(process.stdout.read(), what="the output") == b"early"
        assert process.exit_code is None
        assert process.pid is not None
        assert procfs.is_alive(process.pid)
    assert process.exit_code == 137


async def test_streams_are_told_apart_and_can_be_merged_in_order(any_client: Client) -> None:
    script = "echo 1; sleep 0.05; echo 2 >&2; sleep 0.05; echo 3"
    env = {"PATH": os.environ["PATH"]}
    async with any_client.start(programs.shell(script), env=env) as process:
        merged = [(piece.stream, piece.data) async for piece in process.output()]
    assert merged == [("stdout", b"1\n"), ("stderr", b"2\n"), ("stdout", b"3\n")]
    async with any_client.start(programs.shell(script), env=env) as process:
        assert b"".join([data async for data in process.stderr]) == b"2\n"
        assert b"".join([data async for data in process.stdout]) == b"1\n3\n"


async def test_what_a_loop_left_unread_is_returned_by_wait(any_client: Client) -> None:
    size = 3_000_000
    argv = programs.shell(f"echo first; head -c {size} /dev/zero")
    async with any_client.start(argv, env={"PATH": os.environ["PATH"]}) as process:
        async for data in process.stdout:
            seen = len(data)
            break
        done = await within(process.wait(), what="the end")
        assert seen + len(done.stdout) == size + len(b"first\n")
        again = await process.wait()
        assert again == done


async def test_a_loop_and_a_wait_at_once_lose_nothing(any_client: Client) -> None:
    async with any_client.start(programs.numbered_lines(1, 300_000)) as process:
        pieces: list[bytes] = []

        async def read() -> None:
            async for data in process.stdout:
                pieces.append(data)
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read())
            done = await within(process.wait(), what="the end")
    assert b"".join(pieces) + done.stdout == programs.expected_lines(1, 300_000)
    assert done.stdout == b""


async def test_stdin_is_written_and_ended(any_client: Client) -> None:
    async with any_client.start(programs.echo(), stdin=True) as process:
        await process.write(b"one ")
        assert await within(process.stdout.read(), what="the echo") == b"one "
        await process.write(b"two")
        await process.close_stdin()
        done = await within(process.wait(), what="the end")
        assert (done.stdout, done.exit_code) == (b"two", 0)
        with pytest.raises(errors.StdinClosedError):
            await process.write(b"three")


async def test_without_a_wish_for_stdin_there_is_none(any_client: Client) -> None:
    done = await any_client.run(programs.echo())
    assert (done.stdout, done.exit_code) == (b"", 0)
    async with any_client.start(programs.sleep()) as process:
        with pytest.raises(errors.StdinClosedError):
            await process.write(b"x")


async def test_64_mib_go_through_cat_and_back(any_client: Client) -> None:
    data = random.Random(1).randbytes(1024 * 1024) * 64
    done = await within(any_client.run(programs.echo(), input=data), what="the end")
    assert len(done.stdout) == len(data)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


async def test_a_process_that_does_not_read_its_input_is_no_error(any_client: Client) -> None:
    data = bytes(8 * 1024 * 1024)
    done = await within(any_client.run(programs.exit_with(3), input=data), what="the end")
    assert done.exit_code == 3


async def test_writers_take_turns(any_client: Client) -> None:
    blocks = [bytes([number]) * 400_000 for number in range(8)]
    async with any_client.start(programs.echo(), stdin=True) as process:
        async with asyncio.TaskGroup() as tasks:
            collecting = tasks.create_task(process.wait())
            async with asyncio.TaskGroup() as writers:
                for block in blocks:
                    writers.create_task(process.write(block))
            await process.close_stdin()
        output = collecting.result().stdout
    assert len(output) == sum(map(len, blocks))
    assert sorted(output[i : i + 400_000] for i in range(0, len(output), 400_000)) == blocks


async def test_a_child_that_never_reads_blocks_nobody_else(any_client: Client) -> None:
    async with (
        any_client.start(programs.never_read_stdin(), stdin=True) as stuck,
        asyncio.TaskGroup() as tasks,
    ):
        writing = tasks.create_task(stuck.write(bytes(16 * 1024 * 1024)))
        for _ in range(3):
            done = await within(any_client.run(programs.say("through")), what="another")
            assert done.stdout == b"through"
        async with any_client.start(programs.echo(), stdin=True) as other:
            await within(other.write(b"also"), what="another write")
            assert await within(other.stdout.read(), what="its echo") == b"also"
        assert not writing.done()
        writing.cancel()


async def test_a_flood_that_nobody_reads_blocks_nobody_else_and_takes_no_memory(
    any_client: Client,
) -> None:
    async with any_client.start(programs.tool("yes")) as flood:
        done = await within(any_client.run(programs.numbered_lines(1, 200_000)), what="another")
        assert done.stdout == programs.expected_lines(1, 200_000)
        # Reading shows that the flood was only waiting.
        total = 0
        async for data in flood.stdout:
            total += len(data)
            if total > 4_000_000:
                break


async def test_a_pty_is_a_terminal_of_the_wanted_size(any_client: Client) -> None:
    async with any_client.start(
        programs.print_terminal(), tty=True, size=TerminalSize(31, 97)
    ) as process:
        done = await within(process.wait(), what="the end")
    assert b'"size": [97, 31]' in done.stdout
    assert b'"controlling": true' in done.stdout


async def test_a_pty_is_written_to_resized_and_ended(any_client: Client) -> None:
    # A `read` that the signal interrupts fails as one at the end of the input may.
    loop = 'until [ "$line" = another ]; do read line; echo "got $line"; done'
    script = f"trap 'stty size' WINCH; echo ready; {loop}; cat"
    env = {"PATH": os.environ["PATH"]}
    async with any_client.start(programs.shell(script), env=env, tty=True) as process:
        seen = b""

        async def until(text: bytes) -> None:
            nonlocal seen
            while text not in seen:
                data = await within(process.stdout.read(), what=repr(text))
                assert data, seen
                seen += data

        await until(b"ready")
        await process.write(b"a line\n")
        await until(b"got a line")
        await process.resize(TerminalSize(11, 22))
        await process.write(b"another\n")
        await until(b"11 22")
        await process.close_stdin()
        assert (await within(process.wait(), what="the end")).exit_code == 0


async def test_a_signal_reaches_the_process(any_client: Client) -> None:
    script = "trap 'echo got; exit 5' USR1; echo ready; while :; do sleep 0.01; done"
    async with any_client.start(
        programs.shell(script), env={"PATH": os.environ["PATH"]}
    ) as process:
        assert await within(process.stdout.read(), what="ready") == b"ready\n"
        await process.signal("SIGUSR1")
        done = await within(process.wait(), what="the end")
        assert (done.stdout, done.exit_code) == (b"got\n", 5)
        # Too late, and no error.
        await process.signal("SIGUSR1")


async def test_terminate_tells_whether_it_was_still_running(any_client: Client) -> None:
    async with any_client.start(programs.sleep()) as process:
        assert await process.terminate() is True
        done = await within(process.wait(), what="the end")
        assert (done.exit_code, done.signal, done.reason) == (143, "SIGTERM", "terminated")
        assert await process.terminate() is False


async def test_leaving_the_block_ends_the_process_and_its_children(any_client: Client) -> None:
    async with any_client.start(programs.family()) as process:
        pids = [int(pid) for pid in (await process.stdout.read()).split()]
        assert len(pids) == 4
    await eventually(lambda: not any(map(procfs.is_alive, pids)), what="the end of the family")


async def test_leaving_the_client_ends_what_was_never_closed(any_client: Client) -> None:
    process = await any_client.start(programs.family())
    pids = [int(pid) for pid in (await process.stdout.read()).split()]
    await any_client.close()
    await eventually(lambda: not any(map(procfs.is_alive, pids)), what="the end of the family")
    with pytest.raises(errors.ClientClosedError):
        await process.write(b"x")
    with pytest.raises(errors.ClientClosedError):
        await any_client.run(programs.succeed())


async def test_cancelling_a_run_ends_its_process(any_client: Client) -> None:
    argv = programs.sleep(4321)
    running = asyncio.ensure_future(any_client.run(argv))
    await eventually(lambda: with_arguments(*argv), what="the process")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: not with_arguments(*argv), what="its end")


def with_arguments(*argv: str) -> list[str]:
    """Return the processes of this machine that were started with these arguments."""
    wanted = "\0".join(argv).encode() + b"\0"
    found: list[str] = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue  # it has just ended
        if command == wanted:
            found.append(pid)
    return found


async def test_a_timeout_is_an_error_with_the_output_so_far(any_client: Client) -> None:
    with pytest.raises(errors.ProcessTimeoutError) as timeout:
        await any_client.run(programs.say_and_sleep("partial"), timeout_s=0.5)
    assert timeout.value.completed.stdout == b"partial"
    assert timeout.value.completed.reason == "timeout"
    assert timeout.value.completed.exit_code == 143


async def test_waiting_can_end_before_the_process_and_takes_nothing(any_client: Client) -> None:
    async with any_client.start(programs.say_and_sleep("kept")) as process:
        assert await within(process.stdout.read(), what="the output") == b"kept"
        with pytest.raises(errors.ProcessTimeoutError) as timeout:
            await process.wait(0.05)
        assert timeout.value.completed.exit_code is None
        assert await process.terminate() is True


async def test_check_makes_a_failure_an_error(any_client: Client) -> None:
    with pytest.raises(errors.ProcessFailedError) as failure:
        await any_client.run(programs.shell("echo why >&2; exit 9"), check=True)
    assert (failure.value.completed.exit_code, failure.value.completed.stderr) == (9, b"why\n")


async def test_too_much_output_is_an_error_with_the_first_of_it(any_client: Client) -> None:
    with pytest.raises(errors.OutputLimitError) as limit:
        await any_client.run(programs.numbered_lines(1, 1_000_000), max_output_bytes=1_000)
    expected = programs.expected_lines(1, 1_000)[:1_000]
    assert limit.value.completed.stdout == expected


async def test_output_of_exactly_the_limit_is_no_error(any_client: Client) -> None:
    done = await any_client.run(programs.say("12345"), max_output_bytes=5)
    assert done.stdout == b"12345"


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        (["/no/such/program"], errors.ProgramNotFoundError),
        (["no-such-program-anywhere"], errors.ProgramNotFoundError),
        (["/etc/passwd"], errors.ProgramNotExecutableError),
        (["/etc"], errors.ProgramNotExecutableError),
    ],
)
async def test_what_cannot_be_executed_has_its_own_error(
    any_client: Client, argv: list[str], kind: type[errors.StartError]
) -> None:
    with pytest.raises(kind):
        await any_client.run(argv)


@pytest.mark.parametrize("cwd", ["/no/such/directory", "/etc/passwd"])
async def test_a_directory_that_is_none_has_its_own_error(any_client: Client, cwd: str) -> None:
    with pytest.raises(errors.WorkingDirectoryError):
        await any_client.run(programs.succeed(), cwd=cwd)


async def test_a_process_runs_where_it_is_told_to(any_client: Client) -> None:
    done = await any_client.run(programs.print_working_directory(), cwd="/usr/../usr")
    assert done.stdout == b"/usr\n"


async def test_an_exact_environment_has_nothing_else(any_client: Client) -> None:
    done = await any_client.run(
        programs.print_environment(), env={"A": "b", "C": "d"}, env_policy=None, unset=["C"]
    )
    assert done.stdout == b"A=b\0"


async def test_a_policy_builds_on_the_hosts_environment(any_client: Client) -> None:
    done = await any_client.run(
        programs.print_environment(),
        env={"A": "b", "SOME_TOKEN": "t"},
        env_policy=EnvironmentPolicy(inherit="core", set={"SET": "s"}),
        unset=["LANG"],
    )
    environment = dict(pair.split("=", 1) for pair in done.stdout.decode().rstrip("\0").split("\0"))
    assert environment["A"] == "b"
    assert environment["SET"] == "s"
    # What a caller asks for by name is no accident.
    assert environment["SOME_TOKEN"] == "t"
    assert environment["PATH"] == os.environ["PATH"]
    assert "LANG" not in environment


async def test_input_is_cut_to_what_a_host_with_small_frames_reads(tmp_path: Path) -> None:
    config = "[limits]\nmax_frame_bytes = 65536\n"
    with running_service(tmp_path, config=config) as server:
        async with connect(server.url) as client:
            data = random.Random(2).randbytes(500_000)
            done = await within(client.run(programs.echo(), input=data), what="the end")
            assert done.stdout == data


async def test_terminate_asks_first_and_ends_all_of_it(any_client: Client) -> None:
    async with any_client.start(programs.scatter("stays", "stubborn")) as process:
        pids = [int(word) for word in (await process.stdout.read()).split()]
        assert await process.terminate(grace_s=0.2) is True
        assert not any(map(procfs.is_alive, pids))
        done = await within(process.wait(), what="the end")
    assert (done.signal, done.reason) == ("SIGTERM", "terminated")
    assert done.usage is not None
    assert process.usage == done.usage


async def test_a_silent_process_is_ended_with_an_error_of_its_own(any_client: Client) -> None:
    with pytest.raises(errors.ProcessIdleError) as got:
        await any_client.run(programs.say_and_sleep("x"), idle_timeout_s=0.3)
    assert got.value.completed.stdout == b"x"
    assert got.value.completed.reason == "idleTimeout"


async def test_a_process_has_the_limits_that_it_is_given(any_client: Client) -> None:
    done = await any_client.run(programs.shell("ulimit -n"), limits=ProcessLimits(open_files=64))
    assert done.stdout == b"64\n"
