"""The client without an event loop: in scripts, threads and under a loop; its end, and ^C."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from telexec_client import CompletedText, TerminalSize, errors
from telexec_client.sync import Client, connect, connect_command
from tests.harness import procfs, programs
from tests.harness.deadline import DEADLINE_S, eventually_blocking
from tests.harness.server import Server
from tests.harness.service import running_service, service_argv


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Fail a test that leaves the thread of a client behind."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture(params=["websocket", "embedded"])
def client(request: pytest.FixtureRequest, service: Server) -> Iterator[Client]:
    with connect(service.url if request.param == "websocket" else None) as connected:
        yield connected


def test_a_process_is_run_and_its_output_and_end_are_returned(client: Client) -> None:
    done = client.run(programs.say_both("to stdout", "to stderr"))
    assert (done.stdout, done.stderr, done.exit_code) == (b"to stdout", b"to stderr", 0)
    text = client.run(programs.echo(), input="text", text=True)
    assert isinstance(text, CompletedText)
    assert text.stdout == "text"


def test_errors_are_the_same(client: Client) -> None:
    with pytest.raises(errors.ProgramNotFoundError):
        client.run(["/no/such/program"])
    with pytest.raises(errors.ProcessFailedError) as failure:
        client.run(programs.exit_with(7), check=True)
    assert failure.value.completed.exit_code == 7
    with pytest.raises(errors.ProcessTimeoutError) as timeout:
        client.run(programs.say_and_sleep("so far"), timeout_s=0.3)
    assert timeout.value.completed.stdout == b"so far"
    with pytest.raises(TypeError, match="nonsense"):
        client.run(programs.succeed(), nonsense=1)
    with pytest.raises(TypeError, match="nonsense"):
        connect(nonsense=1)


def test_a_process_is_accompanied(client: Client) -> None:
    with client.start(programs.echo(), stdin=True) as process:
        assert procfs.is_alive(process.pid or 0)
        process.write(b"one\n")
        assert process.stdout.read() == b"one\n"
        process.write(b"two\nthree\n")
        process.close_stdin()
        assert list(process.lines(text=True)) == ["two\n", "three\n"]
        done = process.wait()
        assert (done.exit_code, process.exit_code, done.stdout) == (0, 0, b"")
        assert process.usage == done.usage


def test_output_is_gone_through_in_every_way(client: Client) -> None:
    argv = programs.shell("printf 'Gr\\303\\274n\\n'; sleep 0.1; printf err >&2")
    env = {"PATH": os.environ["PATH"]}
    with client.start(argv, env=env) as process:
        assert [(it.stream, it.data) for it in process.output()] == [
            ("stdout", "Gr\u00fcn\n".encode()),
            ("stderr", b"err"),
        ]
    with client.start(argv, env=env) as process:
        assert b"".join(process.stdout) == "Gr\u00fcn\n".encode()
        assert list(process.stderr.lines()) == [b"err"]
    with client.start(argv, env=env) as process:
        assert "".join(process.stdout.text()) == "Gr\u00fcn\n"
        assert process.communicate() == (b"", b"err")


def test_what_a_loop_left_unread_is_returned_by_wait(client: Client) -> None:
    with client.start(programs.numbered_lines(1, 100_000)) as process:
        for line in process.lines():
            assert line == b"1\n"
            break
        assert process.wait().stdout == programs.expected_lines(2, 100_000)


def test_after_an_error_the_same_loop_goes_on(client: Client) -> None:
    with client.start(programs.shell("echo too long; echo ok")) as process:
        lines = process.lines(max_line_bytes=3)
        with pytest.raises(errors.LineTooLongError):
            next(lines)
        assert list(lines) == [b"ok\n"]
        assert list(lines) == []


def test_a_terminal_is_resized_signalled_and_left(client: Client) -> None:
    script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.02; done"
    env = {"PATH": os.environ["PATH"]}
    with client.start(programs.shell(script), env=env, tty=True) as process:
        lines = process.lines()
        assert next(lines) == b"ready\r\n"
        process.resize(TerminalSize(rows=11, columns=22))
        assert next(lines) == b"11 22\r\n"
        process.signal("SIGINT")
        assert process.wait().exit_code == 130


def test_leaving_the_block_ends_the_process_and_its_children(client: Client) -> None:
    with client.start(programs.family()) as process:
        pids = [int(pid) for pid in process.stdout.read().split()]
    eventually_blocking(lambda: not any(map(procfs.is_alive, pids)), what="the end of the family")


def test_files_are_written_listed_and_read(client: Client, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    client.files.write(path, b"content")
    assert client.files.read(path) == b"content"
    assert [entry.file_name for entry in client.files.list(str(tmp_path))] == ["file"]
    data = random.Random(1).randbytes(2_500_000)
    (tmp_path / "large").write_bytes(data)
    with client.files.open(str(tmp_path / "large")) as file:
        assert b"".join(file) == data
        assert file.read(5, 10) == data[5:15]
    with pytest.raises(errors.FileMissingError):
        client.files.read(f"{path}s")


def test_who_waits_for_a_process_that_is_left_is_told_so(service: Server) -> None:
    with connect(service.url) as client:
        process = client.start(programs.echo(), stdin=True)
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(process.wait)
            client.processes()
            process.detach()
            for wait in (waiting.result, process.wait):
                with pytest.raises(errors.ProcessDetachedError):
                    wait()
        with client.attach(process.process_id) as again:
            assert again.communicate() == (b"", b"")


def test_a_session_is_left_found_attached_to_and_watched(service: Server) -> None:
    with connect(service.url, session="sync") as first:
        process = first.start(programs.echo(), stdin=True)
        process.write(b"one\n")
        assert process.stdout.read() == b"one\n"
        first.detach()
        first.close()
    with connect(service.url, session="sync", session_mode="resume") as second:
        (entry,) = second.processes().processes
        for written in (b"two\n", b"three\n"):
            with second.attach(entry.process_id) as attached:
                attached.write(written)
                lines = attached.lines()
                while next(lines) != written:
                    pass
        with connect(service.url) as third:
            assert "sync" in {it.name for it in third.sessions().sessions}
            with third.watch("sync", entry.process_id) as watched:
                assert next(iter(watched.stdout)).startswith(b"one\n")
        with second.attach(entry.process_id) as attached:
            assert attached.communicate() == (b"one\ntwo\nthree\n", b"")


def test_it_knows_its_host(client: Client, service: Server) -> None:
    assert client.host.platform_os == "linux"
    assert client.extensions is not None
    assert client.lease_s >= 0
    assert client.session_id
    explained = client.explain_env(env={"A": "b"}, values=True)
    assert {"A"} <= {variable.name for variable in explained.variables}


def test_a_program_on_stdin_and_stdout_is_a_host() -> None:
    with connect_command(service_argv("stdio")) as client:
        assert client.run(programs.say("x")).stdout == b"x"


def test_it_waits_in_a_thread_and_where_a_loop_is_running(client: Client) -> None:
    async def main() -> bytes:
        here = client.run(programs.say("here")).stdout
        there = await asyncio.to_thread(client.run, programs.say("there"))
        return here + there.stdout

    with asyncio.Runner() as runner:
        assert runner.run(main()) == b"herethere"


def test_threads_share_a_client_and_do_not_wait_for_each_other(client: Client) -> None:
    with client.start(programs.sleep()) as sleeper, ThreadPoolExecutor(8) as threads:
        waiting = threads.submit(sleeper.wait)
        numbers = range(1, 41)
        outputs = threads.map(lambda it: client.run(programs.say(str(it))).stdout, numbers)
        assert list(outputs) == [str(number).encode() for number in numbers]
        assert not waiting.done()
        sleeper.terminate()
        assert waiting.result(DEADLINE_S).signal == "SIGTERM"


def test_every_client_has_a_thread_that_ends_with_it(service: Server) -> None:
    before = threading.active_count()
    clients = [connect(service.url) for _ in range(3)]
    assert threading.active_count() == before + 3
    for client in clients:
        client.close()
        client.close()
    assert threading.active_count() == before
    with pytest.raises(errors.ClientClosedError):
        clients[0].run(programs.succeed())


def test_what_cannot_be_opened_leaves_no_thread(service: Server) -> None:
    before = threading.active_count()
    for opening in (lambda: connect("ws://127.0.0.1:1"), lambda: connect("nonsense:")):
        with pytest.raises(errors.TelexecError):
            opening()
    assert threading.active_count() == before


def test_closing_ends_the_waiting_of_other_threads(service: Server) -> None:
    with ThreadPoolExecutor(1) as threads:
        with connect(service.url) as client:
            process = client.start(programs.sleep())
            waiting = threads.submit(process.wait)
            reading = process.lines()
        with pytest.raises(errors.ClientClosedError):
            waiting.result(DEADLINE_S)
        with pytest.raises(errors.ClientClosedError):
            next(reading)


def test_a_client_that_nobody_closed_ends_with_a_warning(service: Server) -> None:
    with connect(service.url) as observer:
        forgotten = connect(service.url)
        process = forgotten.start(programs.sleep())
        session, pid = forgotten.session_id, process.pid or 0
        del process
        held = [forgotten]
        del forgotten
        with pytest.warns(ResourceWarning, match="not closed"):
            held.clear()
        eventually_blocking(lambda: not procfs.is_alive(pid), what="the end of its process")
        eventually_blocking(
            lambda: session not in {it.session_id for it in observer.sessions().sessions},
            what="the end of its session",
        )
    eventually_blocking(lambda: threading.active_count() == 1, what="the end of its thread")


SCRIPT = """
import sys, threading, time
from telexec_client.sync import connect

def is_running():
    return [entry.state for entry in client.processes().processes] == ["running"]

with connect(sys.argv[1]) as client:
    try:
        {waiting}
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    while {ends} and is_running():
        time.sleep(0.01)
    print(is_running(), flush=True)
print(threading.active_count(), flush=True)
"""
MARK = "['/bin/sh', '-c', ': > \"$1\"; exec sleep 600', 'sh', sys.argv[2]]"


@pytest.mark.parametrize(
    ("waiting", "ends"),
    [
        (f"client.run({MARK})", True),
        (f"client.run({MARK}, on_cancel='detach')", False),
        (f"with client.start({MARK}) as process: process.stdout.read()", True),
        (f"process = client.start({MARK}); process.wait()", None),
        (f"process = client.start({MARK}); list(process.lines())", None),
    ],
    ids=["run", "run and detach", "block", "wait", "loop"],
)
def test_an_interrupt_cancels_the_waiting_and_leaves_nothing_else(
    service: Server, tmp_path: Path, waiting: str, ends: bool | None
) -> None:
    mark = tmp_path / "begun"
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(waiting=waiting, ends=ends))
    with subprocess.Popen(
        [sys.executable, "-W", "default", str(script), service.url, str(mark)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        eventually_blocking(mark.exists, what="the process")
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=DEADLINE_S)
    assert err == ""
    interrupted, is_running, threads = out.splitlines()
    assert (interrupted, threads) == ("interrupted", "1")
    # The interrupt may already have come while the host answered: then there is no process to wait
    # for, and nobody but the session has it.
    assert ends is None or is_running == str(not ends)


class RaisedBySignalError(Exception):
    """What a signal handler raised, and the how manieth time."""


def test_another_interrupt_does_not_wait_for_the_end(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    # It reads what comes after the answer to its start: it is not interrupted before that.
    argv = programs.shell('read _; : > "$1"; exec sleep 600', str(begun))
    taken: list[int] = []

    def raise_it(number: int, frame: object) -> None:
        taken.append(number)
        raise RaisedBySignalError(len(taken))

    def interrupt() -> None:
        eventually_blocking(begun.exists, what="the process")
        # Nothing comes to an end now.
        os.kill(service.pid, signal.SIGSTOP)
        signal.pthread_kill(main, signal.SIGUSR1)
        eventually_blocking(lambda: len(taken) == 1, what="the first")
        signal.pthread_kill(main, signal.SIGUSR1)

    main = threading.get_ident()
    previous = signal.signal(signal.SIGUSR1, raise_it)
    try:
        with running_service(tmp_path) as service, connect(service.url) as client:
            interrupter = threading.Thread(target=interrupt)
            interrupter.start()
            try:
                with pytest.raises(RaisedBySignalError) as raised:
                    client.run(argv, input=b"\n")
            finally:
                os.kill(service.pid, signal.SIGCONT)
                interrupter.join()
            assert raised.value.args == (2,)
    finally:
        signal.signal(signal.SIGUSR1, previous)


FORKED = """
import os, sys
from telexec_client import errors
from telexec_client.sync import connect

def child():
    for attempt in (lambda: client.run(["true"]), process.wait, lambda: list(process.lines())):
        try:
            attempt()
        except errors.ClientForkedError:
            continue
        return 1
    with connect(sys.argv[1]) as anew:
        return anew.run(["true"]).exit_code

with connect(sys.argv[1]) as client, client.start(["cat"], stdin=True) as process:
    pid = os.fork()
    if pid == 0:
        # As whoever ends it does: through every `with`.
        sys.exit(child())
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), process.communicate("still here", text=True)[0])
"""


def test_a_forked_process_has_no_client_and_takes_it_from_nobody(
    service: Server, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(FORKED)
    done = subprocess.run(
        [sys.executable, str(script), service.url],
        capture_output=True,
        check=False,
        text=True,
        timeout=DEADLINE_S,
    )
    assert (done.stdout, done.returncode) == ("0 still here\n", 0), done.stderr


def test_a_program_that_forgets_its_client_can_end(service: Server, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from telexec_client.sync import connect\n"
        "client = connect(sys.argv[1])\n"
        "print(client.run(['echo', 'x'], text=True).stdout)\n"
    )
    argv = [sys.executable, str(script), service.url]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"x\n\n", b"")
