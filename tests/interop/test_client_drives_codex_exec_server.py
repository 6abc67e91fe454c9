"""Our client on the peer that speaks the base dialect and nothing else: codex exec-server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from telexec_client import (
    Client,
    EnvironmentPolicy,
    TerminalSize,
    connect,
    connect_command,
    errors,
    overlay_of,
)
from tests.harness import programs
from tests.harness.codex import running_exec_server
from tests.harness.deadline import eventually, within
from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.server import Server

pytestmark = [pytest.mark.codex, pytest.mark.both_loops]


@pytest_asyncio.fixture
async def client(exec_server: Server) -> AsyncIterator[Client]:
    async with connect(exec_server.url) as connected:
        yield connected


@pytest_asyncio.fixture
async def proxy(exec_server: Server) -> AsyncIterator[FaultProxy]:
    with fault_proxy(exec_server.url) as between:
        yield between


@pytest_asyncio.fixture
async def remote(proxy: FaultProxy) -> AsyncIterator[Client]:
    async with connect(proxy.url) as connected:
        yield connected


async def test_a_process_is_run_and_its_output_and_exit_code_are_returned(client: Client) -> None:
    assert client.extensions is None
    assert client.host.platform_os == "linux"
    done = await client.run(programs.shell("printf out; printf err >&2; exit 7"))
    assert (done.stdout, done.stderr, done.exit_code) == (b"out", b"err", 7)
    # It does not tell, and nothing is made up.
    assert (done.signal, done.reason) == (None, None)


async def test_output_streams_before_the_process_ends(client: Client) -> None:
    async with client.start(programs.say_and_sleep("early")) as process:
        assert await within(process.stdout.read(), what="the output") == b"early"
        assert process.exit_code is None


async def test_stdin_is_written_in_order(client: Client) -> None:
    size = 6_000_000
    data = b"".join(b"%07d\n" % number for number in range(size // 8))
    argv = programs.shell(f"head -c {size} | sha256sum; cat >/dev/null")
    local = await client.run(programs.shell("seq -f %07.0f 0 749999 | sha256sum"))
    async with client.start(argv, stdin=True) as process:
        await within(process.write(data), what="the writes")
        assert await within(process.stdout.read(), what="the checksum") == local.stdout


async def test_a_pty_is_driven_to_its_end(client: Client) -> None:
    async with client.start(programs.tool("python3", "-q"), tty=True) as process:
        seen = b""

        async def until(text: bytes) -> None:
            nonlocal seen
            while text not in seen:
                data = await within(process.stdout.read(), what=repr(text))
                assert data, seen
                seen += data

        await until(b">>>")
        await process.write(b"print(6 * 7)\n")
        await until(b"42\r\n")
        await process.signal("SIGINT")
        await until(b"KeyboardInterrupt")
        await process.close_stdin()
        done = await within(process.wait(), what="the end")
    assert done.exit_code == 0


async def test_terminate_tells_whether_it_was_still_running(client: Client) -> None:
    async with client.start(programs.sleep()) as process:
        assert await process.terminate() is True
        done = await within(process.wait(), what="the end")
        assert done.exit_code == 137
        assert await process.terminate() is False


async def test_the_environment_is_the_hosts_by_policy_and_ours_only_as_asked(
    codex: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLER_ONLY", "leak")
    host = {"HOST_VARIABLE": "h", "HOST_API_KEY": "k"}
    with running_exec_server(codex, tmp_path, env=host) as server:
        async with connect(server.url) as client:

            async def names(policy: EnvironmentPolicy | None) -> set[str]:
                done = await client.run(
                    programs.print_environment(), env={"ASKED": "a"}, env_policy=policy
                )
                return {pair.split("=", 1)[0] for pair in done.stdout.decode().split("\0") if pair}

            everything = await names(EnvironmentPolicy())
            assert {"ASKED", "HOST_VARIABLE", "PATH"} <= everything
            assert not everything & {"CALLER_ONLY", "HOST_API_KEY"}
            raw = await names(EnvironmentPolicy(ignore_default_excludes=True))
            assert "HOST_API_KEY" in raw
            core = await names(EnvironmentPolicy(inherit="core", set={"SET": "s"}))
            assert {"ASKED", "PATH", "SET"} <= core
            assert "HOST_VARIABLE" not in core
            assert await names(None) == {"ASKED"}
            done = await client.run(programs.print_environment())
            assert b"HOST_VARIABLE=h" in done.stdout.split(b"\0")


async def test_an_overlay_gives_a_process_here_the_environment_that_it_would_have_had_at_home(
    codex: Path, tmp_path: Path
) -> None:
    policy = EnvironmentPolicy(exclude=["UNWANTED"], set={"SET": "s"})
    home = {"PATH": "/home/bin", "ONLY_AT_HOME": "x", "UNWANTED": "u"}
    wanted = {"PATH": "/home/bin", "ONLY_AT_HOME": "x", "SET": "changed", "NEW": "n"}
    overlay = overlay_of(wanted, policy, home)
    assert not overlay.unset
    with running_exec_server(codex, tmp_path, env={"HERE": "h", "UNWANTED": "u"}) as server:
        async with connect(server.url) as client:
            done = await client.run(
                programs.print_environment(), env=overlay.variables, env_policy=policy
            )
    seen = {pair for pair in done.stdout.decode().split("\0") if pair}
    assert {"HERE=h", "SET=changed", "NEW=n"} <= seen
    assert not {pair.split("=", 1)[0] for pair in seen} & {"ONLY_AT_HOME", "UNWANTED"}
    assert "PATH=/home/bin" not in seen


async def test_what_it_cannot_do_is_refused_and_what_we_can_do_is_done_here(
    client: Client,
) -> None:
    with pytest.raises(errors.UnsupportedError):
        await client.run(programs.echo(), input=b"needs an end")
    with pytest.raises(errors.UnsupportedError):
        await client.run(programs.succeed(), unset=["PATH"])
    with pytest.raises(errors.UnsupportedError):
        await client.start(programs.succeed(), tty=True, size=TerminalSize(1, 2))
    with pytest.raises(errors.UnsupportedError):
        await client.start(programs.succeed(), timeout_s=5, kill_grace_s=1)
    with pytest.raises(errors.UnsupportedError):
        await client.run(programs.succeed(), env_profile="default")
    with pytest.raises(errors.UnsupportedError):
        await client.explain_env()
    assert (await client.run(programs.echo(), input=b"")).stdout == b""
    async with client.start(programs.echo(), stdin=True) as process:
        assert process.environment is None
        with pytest.raises(errors.UnsupportedError):
            await process.close_stdin()
        with pytest.raises(errors.UnsupportedError):
            await process.signal("SIGTERM")
        with pytest.raises(errors.UnsupportedError):
            await process.resize(TerminalSize(1, 2))
    with pytest.raises(errors.ProcessTimeoutError) as timeout:
        await client.run(programs.say_and_sleep("partial"), timeout_s=0.5)
    assert timeout.value.completed.stdout == b"partial"
    assert timeout.value.completed.exit_code == 137


async def test_a_timeout_is_kept_although_a_grandchild_holds_the_pipe(client: Client) -> None:
    # exec-server kills the group; who left it is beyond its reach, and so beyond ours.
    argv = programs.shell("setsid sleep 30 & printf %s $!; exec sleep 600")
    with pytest.raises(errors.ProcessTimeoutError) as timeout:
        await within(client.run(argv, timeout_s=0.5), what="the timeout")
    pid = timeout.value.completed.stdout.decode()
    await client.run(programs.tool("kill", "-9", pid))


@pytest.mark.parametrize(
    ("argv", "cwd", "kind"),
    [
        (["/no/such/program"], None, errors.ProgramNotFoundError),
        (["no-such-program"], None, errors.ProgramNotFoundError),
        (["/etc/passwd"], None, errors.ProgramNotExecutableError),
        (["/bin/true"], "/etc/passwd", errors.WorkingDirectoryError),
    ],
)
async def test_what_cannot_be_started_has_an_error_of_its_own(
    client: Client, argv: list[str], cwd: str | None, kind: type[errors.StartError]
) -> None:
    with pytest.raises(kind):
        await client.run(argv, cwd=cwd)


async def test_more_output_than_anybody_holds_comes_whole_to_a_slow_reader(client: Client) -> None:
    # More than we hold unread: the connection itself has to wait, and other calls still pass.
    size = 40 * 1024 * 1024
    async with client.start(programs.tool("head", "-c", str(size), "/dev/zero")) as process:
        async for data in process.stdout:
            received = len(data)
            break
        done = await within(client.run(programs.say("passes")), what="another")
        assert done.stdout == b"passes"
        async for data in process.stdout:
            received += len(data)
        assert received == size


async def test_files_are_written_read_and_listed(client: Client, tmp_path: Path) -> None:
    files = client.files
    path = str(tmp_path / "a file")
    await files.write(path, b"content")
    assert await files.read(path) == b"content"
    assert (await files.metadata(path)).size == 7
    assert "a file" in {entry.file_name for entry in await files.list(str(tmp_path))}
    async with files.open(path) as file:
        assert await file.read(3) == b"tent"
    await files.remove(path)
    with pytest.raises(errors.FileMissingError):
        await files.read(path)
    with pytest.raises(errors.FileKindError):
        await files.read(str(tmp_path))


async def test_a_cut_connection_is_resumed_and_every_line_comes_once(
    proxy: FaultProxy, remote: Client
) -> None:
    # Slow enough for what is written meanwhile to fit into what it retains.
    script = "for i in $(seq 1 60); do seq $((i * 100)) $((i * 100 + 99)); sleep 0.05; done; exit 3"
    cut = proxy.cut_after(server_bytes=15_000)
    async with remote.start(programs.shell(script)) as process:
        lines = b"".join([data async for data in process.stdout])
        done = await process.wait()
    await within(cut, what="the cut")
    assert proxy.connections > 1
    assert lines == programs.expected_lines(100, 6099)
    assert done.exit_code == 3


async def test_output_that_it_could_not_keep_is_told_as_a_gap(
    proxy: FaultProxy, remote: Client, exec_server: Server, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    argv = programs.shell('until [ -e "$1" ]; do sleep 0.01; done; seq 1 1000000', str(go))
    async with remote.start(argv) as process:
        proxy.refuse()
        proxy.cut()
        go.touch()
        # Only the newest of it is still there by then.
        await eventually(lambda: not exec_server.children(), what="its end")
        proxy.accept()
        with pytest.raises(errors.OutputGapError) as gap:
            await within(process.wait(), what="the end")
    assert gap.value.lost_bytes is None
    assert gap.value.completed is not None
    assert gap.value.completed.exit_code == 0
    assert gap.value.completed.stdout.endswith(b"999999\n1000000\n")


async def test_its_end_is_not_missed_while_nobody_is_connected(
    proxy: FaultProxy, remote: Client, exec_server: Server, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    argv = programs.shell('until [ -e "$1" ]; do sleep 0.01; done; echo went; exit 4', str(go))
    async with remote.start(argv) as process:
        proxy.refuse()
        proxy.cut()
        go.touch()
        await eventually(lambda: not exec_server.children(), what="its end")
        proxy.accept()
        done = await within(process.wait(), what="the news")
    assert (done.stdout, done.exit_code) == (b"went\n", 4)


async def test_input_is_written_once_although_the_connection_is_cut(
    proxy: FaultProxy, remote: Client
) -> None:
    size = 3_000_000
    data = bytes(range(250)) * (size // 250)
    argv = programs.shell(f"head -c {size} | cksum; cat")
    async with remote.start(argv, stdin=True) as process:
        cut = proxy.cut_after(client_bytes=1_700_000)
        await within(process.write(data), what="the writes")
        await within(cut, what="the cut")
        checksum = await within(process.stdout.read(), what="the checksum")
    async with remote.start(programs.shell(f"head -c {size} | cksum"), stdin=True) as again:
        await again.write(data)
        assert await within(again.stdout.read(), what="the checksum") == checksum


async def test_50_processes_at_once(client: Client) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(client.run(programs.shell(f"echo {n}; exit {n}"))) for n in range(50)
        ]
    for number, task in enumerate(running):
        done = task.result()
        assert (done.stdout, done.exit_code) == (b"%d\n" % number, number)


async def test_a_token_is_shown_and_a_wrong_one_is_an_error(codex: Path, tmp_path: Path) -> None:
    with running_exec_server(codex, tmp_path, token="s3cret-of-the-test") as server:
        async with connect(server.url, token=server.token) as client:
            assert (await client.run(programs.say("in"))).stdout == b"in"
        with pytest.raises(errors.AuthenticationError):
            await connect(server.url, token="wrong")
        with pytest.raises(errors.AuthenticationError):
            await connect(server.url)


async def test_it_can_be_driven_on_stdio(codex: Path, tmp_path: Path) -> None:
    argv = ["/usr/bin/env", f"CODEX_HOME={tmp_path}", str(codex)]
    async with connect_command([*argv, "exec-server", "--listen", "stdio"]) as client:
        assert (await client.run(programs.say("on stdio"))).stdout == b"on stdio"
