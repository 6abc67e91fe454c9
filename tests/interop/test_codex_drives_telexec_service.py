"""The real, unmodified Codex works on a host of ours as on its own."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.certificates import TLS_LOOPBACK, Authority
from tests.harness.codex import (
    ORCHESTRATOR_SECRET,
    NamedUrl,
    Program,
    RemoteUrl,
    run_codex,
    running_exec_server,
)
from tests.harness.deadline import eventually
from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.frame_tap import frame_tap
from tests.harness.scripted_model import (
    Script,
    apply_patch,
    exec_command,
    until_exit,
    until_output,
    write_stdin,
)
from tests.harness.server import Server, minimal_environment
from tests.harness.service import running_service, service_argv
from tests.interop.conftest import HOST_ENVIRONMENT

pytestmark = pytest.mark.codex


def parse_environment(printed: str) -> Mapping[str, str]:
    """Return what `env -0 | tr '\\0' '\\n'` printed, for values of one line."""
    return dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)


def contents(directory: Path) -> dict[str, str]:
    """Return the text of every file below a directory, by its name."""
    return {path.name: path.read_text() for path in directory.rglob("*") if path.is_file()}


async def test_commands_run_where_the_host_is(
    host: Server, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    expected_sum = hashlib.sha256(b"".join(b"%d\n" % n for n in range(1, 200_001))).hexdigest()

    def script() -> Script:
        result = yield exec_command("echo hello; pwd")
        assert (result.exit_code, result.output) == (0, f"hello\n{workspace}\n")
        result = yield exec_command("seq 1 200000 | sha256sum")
        assert (yield from until_exit(result)) == (0, f"{expected_sum}  -\n")
        result = yield exec_command("seq 1 30000")
        _, printed = yield from until_exit(result)
        assert printed.splitlines() == [str(number) for number in range(1, 30_001)]
        result = yield exec_command("echo out; echo err >&2; sleep 0.2; exit 7")
        exit_code, printed = yield from until_exit(result)
        assert exit_code == 7
        assert sorted(printed.split()) == ["err", "out"]
        result = yield exec_command("no-such-program")
        exit_code, printed = yield from until_exit(result)
        assert exit_code == 127
        assert "no-such-program" in printed

    session = await run_codex(
        codex, RemoteUrl(host.url), script(), directory=tmp_path / "codex", workspace=workspace
    )
    assert session.exit_code == 0


async def test_commands_run_on_a_host_with_tls_and_a_token(
    codex: Path, workspace: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "host").mkdir()

    def script() -> Script:
        # Codex runs it on its own machine, and says nothing, when it does not get to the host.
        result = yield exec_command('echo "$HOST_VARIABLE"; seq 1 30000')
        _, printed = yield from until_exit(result)
        numbers = [str(number) for number in range(1, 30_001)]
        assert printed.splitlines() == ["of the host", *numbers]

    with running_service(
        tmp_path / "host",
        listen=TLS_LOOPBACK,
        guarded=True,
        options=authority.issue().options,
        env=HOST_ENVIRONMENT,
    ) as host:
        session = await run_codex(
            codex,
            NamedUrl(host.url, host.token, authority.file),
            script(),
            directory=tmp_path / "codex",
            workspace=workspace,
            inherit="all",
        )
    assert session.exit_code == 0


@pytest.mark.parametrize(
    ("inherit", "inherited"),
    [
        ("all", {"HOME", "HOST_VARIABLE", "HOST_KEYBOARD"}),
        ("core", {"HOME"}),
        ("none", set[str]()),
    ],
)
async def test_the_environment_is_the_hosts_and_nothing_of_the_orchestrators(
    host: Server, codex: Path, workspace: Path, tmp_path: Path, inherit: str, inherited: set[str]
) -> None:
    seen: dict[str, str] = {}

    def script() -> Script:
        result = yield exec_command("env")
        exit_code, printed = yield from until_exit(result)
        assert exit_code == 0
        seen.update(parse_environment(printed))

    await run_codex(
        codex,
        RemoteUrl(host.url),
        script(),
        directory=tmp_path / "codex",
        workspace=workspace,
        inherit=inherit,
    )
    assert seen.keys() & {"HOME", "HOST_VARIABLE", "HOST_KEYBOARD"} == inherited
    if "HOME" in inherited:
        assert seen["HOME"].startswith(str(tmp_path / "host"))
    assert seen["TERM"] == "dumb"
    assert seen.keys().isdisjoint({ORCHESTRATOR_SECRET, "MODEL_KEY"})


async def test_a_python_prompt_on_a_terminal_answers_is_interrupted_and_ends(
    host: Server, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    def script() -> Script:
        result = yield exec_command("python3 -q", tty=True, yield_time_ms=500)
        session_id = result.session_id
        assert session_id is not None
        yield from until_output(result, ">>> ")
        result = yield write_stdin(session_id, "print(6*7)\n", yield_time_ms=500)
        assert "\r\n42\r\n" in (yield from until_output(result, "42\r\n>>> "))
        result = yield write_stdin(session_id, "import time; time.sleep(600)\n", yield_time_ms=500)
        result = yield write_stdin(session_id, "\x03", yield_time_ms=500)
        yield from until_output(result, "KeyboardInterrupt")
        result = yield write_stdin(session_id, "exit(5)\n", yield_time_ms=500)
        exit_code, _ = yield from until_exit(result)
        assert exit_code == 5

    await run_codex(
        codex, RemoteUrl(host.url), script(), directory=tmp_path / "codex", workspace=workspace
    )


async def test_an_interrupted_command_says_by_which_signal_it_died(
    our_host: Server, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    def script() -> Script:
        result = yield exec_command("echo ready; exec sleep 600", tty=True, yield_time_ms=500)
        session_id = result.session_id
        assert session_id is not None
        yield from until_output(result, "ready")
        result = yield write_stdin(session_id, "\x03", yield_time_ms=500)
        exit_code, _ = yield from until_exit(result)
        assert exit_code == 130

    await run_codex(
        codex, RemoteUrl(our_host.url), script(), directory=tmp_path / "codex", workspace=workspace
    )


async def test_a_process_in_the_background_is_polled_until_its_end(
    host: Server, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    def script() -> Script:
        result = yield exec_command(
            "echo first; while [ ! -e go ]; do sleep 0.05; done; echo last; exit 4",
            yield_time_ms=500,
        )
        session_id = result.session_id
        assert session_id is not None
        yield from until_output(result, "first")
        # Another command runs meanwhile, and lets the first one end.
        result = yield exec_command("touch go; echo meanwhile")
        assert (yield from until_exit(result)) == (0, "meanwhile\n")
        result = yield write_stdin(session_id, "")
        exit_code, printed = yield from until_exit(result)
        assert (exit_code, printed) == (4, "last\n")

    await run_codex(
        codex, RemoteUrl(host.url), script(), directory=tmp_path / "codex", workspace=workspace
    )


async def test_what_still_runs_when_codex_ends_is_ended(
    our_host: Server, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    def script() -> Script:
        result = yield exec_command("echo ready; sleep 600", yield_time_ms=500)
        yield from until_output(result, "ready")

    await run_codex(
        codex, RemoteUrl(our_host.url), script(), directory=tmp_path / "codex", workspace=workspace
    )
    # By Codex itself, or at the latest when the session's lease is over.
    await eventually(lambda: not our_host.children(), what="the end of every child", deadline_s=60)


async def test_a_patch_adds_changes_moves_and_removes_files_through_the_host(
    host: Server, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    (workspace / "old.txt").write_text("one\ntwo\nthree\n")
    (workspace / "moved.txt").write_text("alpha\nbeta\n")
    (workspace / "gone.txt").write_text("away\n")

    def script() -> Script:
        result = yield apply_patch(
            "*** Begin Patch\n"
            "*** Add File: deep/er/new file.txt\n"
            "+naïve\n"
            "*** Update File: old.txt\n"
            "@@\n"
            " one\n"
            "-two\n"
            "+2\n"
            " three\n"
            "*** Update File: moved.txt\n"
            "*** Move to: elsewhere.txt\n"
            "@@\n"
            "-alpha\n"
            "+ALPHA\n"
            " beta\n"
            "*** Delete File: gone.txt\n"
            "*** End Patch\n"
        )
        assert result.text.startswith("Exit code: 0\n"), result.text
        result = yield apply_patch(
            "*** Begin Patch\n*** Update File: old.txt\n@@\n-no such line\n+x\n*** End Patch\n"
        )
        assert "old.txt" in result.text

    async with frame_tap(host.url) as tap:
        await run_codex(
            codex, RemoteUrl(tap.url), script(), directory=tmp_path / "codex", workspace=workspace
        )
    assert contents(workspace) == {
        "new file.txt": "naïve\n",
        "old.txt": "one\n2\nthree\n",
        "elsewhere.txt": "ALPHA\nbeta\n",
    }
    written = [params["path"] for params in tap.params("fs/writeFile")]
    assert (workspace / "old.txt").as_uri() in written


@asynccontextmanager
async def half_way(
    host: Server, codex: Path, script: Script, workspace: Path, tmp_path: Path
) -> AsyncGenerator[FaultProxy]:
    """Run Codex through a proxy; the block begins once its command has made the file `half`."""
    with fault_proxy(host.url) as proxy:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                run_codex(
                    codex,
                    RemoteUrl(proxy.url),
                    script,
                    directory=tmp_path / "codex",
                    workspace=workspace,
                ),
                name="codex",
            )
            await eventually((workspace / "half").exists, what="the first half")
            yield proxy


async def test_a_cut_connection_in_the_middle_of_a_command_loses_no_line(
    host: Server, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    def script() -> Script:
        result = yield exec_command(
            "seq 1 5000; touch half; while [ ! -e go ]; do sleep 0.05; done; seq 5001 10000; exit 3"
        )
        exit_code, printed = yield from until_exit(result)
        assert exit_code == 3
        assert printed.splitlines() == [str(number) for number in range(1, 10_001)]
        result = yield exec_command("echo after")
        assert (yield from until_exit(result)) == (0, "after\n")

    async with half_way(host, codex, script(), workspace, tmp_path) as proxy:
        proxy.cut()
        await proxy.until_connections(2)
        (workspace / "go").touch()
    assert proxy.connections == 2


async def test_a_command_that_ends_while_the_connection_is_down_is_not_lost(
    host: Server, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    def script() -> Script:
        result = yield exec_command(
            "echo before; touch half; while [ ! -e go ]; do sleep 0.05; done; echo behind; "
            "touch done; exit 9"
        )
        assert (yield from until_exit(result)) == (9, "before\nbehind\n")

    async with half_way(host, codex, script(), workspace, tmp_path) as proxy:
        proxy.refuse()
        proxy.cut()
        (workspace / "go").touch()
        await eventually((workspace / "done").exists, what="the command's end")
        proxy.accept()


@pytest.mark.parametrize("kind", ["telexec-service", "exec-server"])
async def test_a_guarded_host_is_reached_with_its_token(
    kind: str, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    def script() -> Script:
        # Codex runs it on its own machine, and says nothing, when the host does not let it in.
        result = yield exec_command('echo "$HOST_VARIABLE"')
        assert (yield from until_exit(result)) == (0, "of the host\n")

    token = "a-long-enough-token-for-anyone"
    running = (
        running_service(tmp_path, guarded=True, env=HOST_ENVIRONMENT)
        if kind == "telexec-service"
        else running_exec_server(codex, tmp_path, token=token, env=HOST_ENVIRONMENT)
    )
    with running as server:
        await run_codex(
            codex,
            NamedUrl(server.url, server.token),
            script(),
            directory=tmp_path / "codex",
            workspace=workspace,
            inherit="all",
        )


@pytest.mark.parametrize("kind", ["telexec-service", "exec-server"])
async def test_a_host_on_stdin_and_stdout_serves_as_well(
    kind: str, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    seen: dict[str, str] = {}

    def script() -> Script:
        result = yield exec_command("env")
        _, printed = yield from until_exit(result)
        seen.update(parse_environment(printed))
        result = yield exec_command("cat", tty=True, yield_time_ms=500)
        session_id = result.session_id
        assert session_id is not None
        result = yield write_stdin(session_id, "typed\n", yield_time_ms=500)
        yield from until_output(result, "typed\r\ntyped\r\n")
        result = yield write_stdin(session_id, "\x04", yield_time_ms=500)
        assert (yield from until_exit(result))[0] == 0

    argv = (
        service_argv("stdio")
        if kind == "telexec-service"
        else [str(codex), "exec-server", "--listen", "stdio"]
    )
    env = minimal_environment(tmp_path) | {"HOST_VARIABLE": "of the host"}
    await run_codex(
        codex,
        Program(argv, env),
        script(),
        directory=tmp_path / "codex",
        workspace=workspace,
        inherit="all",
    )
    assert seen["HOST_VARIABLE"] == "of the host"
    assert ORCHESTRATOR_SECRET not in seen


async def test_what_should_be_confined_never_runs_unconfined(
    our_host: Server, codex: Path, workspace: Path, tmp_path: Path
) -> None:
    def script() -> Script:
        result = yield exec_command(f"touch {workspace}/ran")
        assert result.exit_code is None
        assert "cannot" in result.text
        result = yield apply_patch("*** Begin Patch\n*** Add File: ran\n+x\n*** End Patch\n")
        assert not result.text.startswith("Exit code: 0\n")

    await run_codex(
        codex,
        RemoteUrl(our_host.url),
        script(),
        directory=tmp_path / "codex",
        workspace=workspace,
        sandbox_mode="workspace-write",
    )
    assert not (workspace / "ran").exists()
