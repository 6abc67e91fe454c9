"""What a child finds around itself: descriptors, signals, terminal, directory, environment."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import procfs, programs
from tests.harness.raw_peer import FULL_POLICY, Json, RawPeer, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service

TTY = pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])


async def output_of(peer: RawPeer, argv: list[str], **params: Any) -> bytes:
    """Return what a program prints, which must succeed."""
    process = await peer.start(argv, **params)
    assert await process.exit_code() == 0, process.output()
    return process.output()


def parse_environment(printed: bytes) -> dict[str, str]:
    """Return what `env -0` printed."""
    lines = printed.decode("utf-8", "surrogateescape").split("\0")
    assert lines.pop() == ""
    return dict(line.split("=", 1) for line in lines)


@TTY
@pytest.mark.parametrize("pipe_stdin", [False, True], ids=["no stdin", "stdin"])
async def test_only_the_three_standard_descriptors_are_open(
    any_peer: RawPeer, *, tty: bool, pipe_stdin: bool
) -> None:
    # Others are there to be inherited by mistake.
    neighbours = [await any_peer.start(programs.echo(), pipeStdin=True) for _ in range(3)]
    printed = await output_of(any_peer, programs.print_open_fds(), tty=tty, pipeStdin=pipe_stdin)
    assert printed.split() == [b"0", b"1", b"2"]
    for neighbour in neighbours:
        await neighbour.terminate()


@TTY
async def test_no_signal_is_blocked_or_ignored(any_peer: RawPeer, *, tty: bool) -> None:
    printed = await output_of(any_peer, programs.print_signal_masks(), tty=tty)
    masks = dict(line.split(b":") for line in printed.splitlines())
    # The C library keeps signals 32 and 33 for itself and lets nobody reset them (nptl(7)).
    its_own = 0b11 << 31
    told = {name: int(mask, 16) & ~its_own for name, mask in masks.items()}
    assert told == {b"SigBlk": 0, b"SigIgn": 0}


async def test_without_a_terminal_there_is_none(any_peer: RawPeer) -> None:
    told = json.loads(await output_of(any_peer, programs.print_terminal()))
    assert told["names"] == [None, None, None]
    assert told["controlling"] is False
    assert told["pid"] == told["group"] == told["session"]


async def test_a_terminal_is_the_controlling_one_and_24_by_80(any_peer: RawPeer) -> None:
    told = json.loads(await output_of(any_peer, programs.print_terminal(), tty=True))
    assert len(set(told["names"])) == 1
    assert told["names"][0].startswith("/dev/pts/")
    assert told["controlling"] is True
    assert told["size"] == [80, 24]
    assert told["pid"] == told["group"] == told["session"] == told["foreground"]


async def test_a_terminal_may_have_another_size_and_get_a_new_one(peer: RawPeer) -> None:
    code = (
        "import os, signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\n"
        "print(*os.get_terminal_size(0), flush=True)\n"
        "signal.sigwait({signal.SIGWINCH})\n"
        "print(*os.get_terminal_size(0), flush=True)\n"
    )
    size = {"rows": 50, "columns": 132}
    process = await peer.start(programs.python(code), tty=True, size=size)
    await process.until_output(b"132 50\r\n")
    new_size = {"rows": 7, "columns": 1000}
    await peer.request("process/resize", {"processId": process.process_id, "size": new_size})
    await process.until_output(b"1000 7\r\n")
    assert await process.exit_code() == 0


async def test_a_process_without_a_terminal_has_no_size(peer: RawPeer) -> None:
    process = await peer.start(programs.sleep())
    size = {"rows": 7, "columns": 7}
    error = await peer.refusal("process/resize", {"processId": process.process_id, "size": size})
    assert error.message.startswith("cannot ")
    await process.terminate()


async def test_stdin_is_empty_unless_asked_for(any_peer: RawPeer) -> None:
    process = await any_peer.start(programs.echo())
    assert await process.write(b"x") == "stdinClosed"
    assert await process.exit_code() == 0
    assert process.output() == b""


async def test_stdin_stdout_and_stderr_can_be_opened_again_by_name(peer: RawPeer) -> None:
    script = "cat /dev/stdin >/dev/stdout; echo err >/dev/stderr"
    process = await peer.start(programs.shell(script), pipeStdin=True)
    await process.write(b"through\n")
    await process.close_stdin()
    assert await process.exit_code() == 0
    assert process.output("stdout") == b"through\n"
    assert process.output("stderr") == b"err\n"


@TTY
async def test_the_directory_is_the_one_asked_for(
    peer: RawPeer, tmp_path: Path, *, tty: bool
) -> None:
    directory = tmp_path / "ä b%20#?"
    directory.mkdir()
    argv = programs.print_working_directory()
    printed = await output_of(peer, argv, cwd=directory.as_uri(), tty=tty)
    assert printed.decode().strip() == str(directory)


async def test_a_relative_program_is_found_from_the_childs_directory(
    peer: RawPeer, tmp_path: Path
) -> None:
    (tmp_path / "here").write_text("#!/bin/sh\nexit 11\n")
    (tmp_path / "here").chmod(0o755)
    assert await (await peer.start(["./here"], cwd=tmp_path.as_uri())).exit_code() == 11


async def test_the_services_own_directory_does_not_move(service: Server, peer: RawPeer) -> None:
    before = os.readlink(f"/proc/{service.pid}/cwd")
    for _ in range(5):
        await peer.start(programs.succeed(), cwd="file:///proc")
    assert os.readlink(f"/proc/{service.pid}/cwd") == before


async def test_a_program_may_be_called_by_another_name(peer: RawPeer) -> None:
    argv = programs.shell("tr '\\0' '\\n' </proc/$$/cmdline | head -n 1")
    assert await output_of(peer, argv, arg0="another") == b"another\n"


async def test_a_child_leads_a_session_of_its_own(peer: RawPeer) -> None:
    process = await peer.start(programs.say_and_sleep("ready"))
    await process.until_output(b"ready")
    entry = procfs.process(process.started["pid"])
    assert entry is not None
    assert entry.pid == entry.group == entry.session
    await process.terminate()


async def test_a_child_is_not_niced_or_masked(peer: RawPeer) -> None:
    assert await output_of(peer, programs.shell("umask; nice")) == await output_of(
        peer, programs.python("import os; print(f'{os.umask(0):04o}'); print(os.nice(0))")
    )


async def test_output_is_pipes_and_not_sockets(peer: RawPeer) -> None:
    code = "import os; print(*(oct(os.fstat(fd).st_mode) for fd in (1, 2)))"
    modes = [int(mode, 8) for mode in (await output_of(peer, programs.python(code))).split()]
    assert all(stat.S_ISFIFO(mode) for mode in modes)


# The environment.


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service with an environment of which the tests know every variable."""
    env = {
        "HOST_VARIABLE": "of the host",
        "HOST_KEYBOARD": "with keys",
        "TELEXEC_TOKEN_FILE": "/never/seen",
        "ODD": "a=b\nc",
        "USER": "somebody",
    }
    with running_service(tmp_path_factory.mktemp("host"), env=env) as server:
        yield server


async def environment_for(host: Server, **params: Any) -> dict[str, str]:
    """Return the environment of a child."""
    async with raw_peer(host.url) as peer:
        return parse_environment(await output_of(peer, programs.print_environment(), **params))


async def test_without_a_policy_the_environment_is_exact(host: Server) -> None:
    assert await environment_for(host, env={}) == {}
    exact = {"A": "1", "EMPTY": "", "LONG": "x" * 100_000, "ODD": "=ä\n", "a": "lower"}
    assert await environment_for(host, env=exact) == exact


async def test_a_policy_takes_the_hosts_environment_and_the_overlay_goes_over_it(
    host: Server,
) -> None:
    seen = await environment_for(host, envPolicy=FULL_POLICY, env={"LANG": "over", "NEW": "1"})
    assert seen["HOST_VARIABLE"] == "of the host"
    assert seen["ODD"] == "a=b\nc"
    assert seen["LANG"] == "over"
    assert seen["NEW"] == "1"
    assert "HOST_KEYBOARD" not in seen


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"inherit": "none"}, []),
        ({"inherit": "core"}, ["HOME", "LANG", "PATH", "USER"]),
        ({"inherit": "core", "exclude": ["h*"]}, ["LANG", "PATH", "USER"]),
        ({"inherit": "none", "set": {"X_TOKEN": "1"}}, ["X_TOKEN"]),
        ({"includeOnly": ["HOST_*"]}, ["HOST_VARIABLE"]),
        (
            {"includeOnly": ["HOST_*"], "ignoreDefaultExcludes": True},
            ["HOST_KEYBOARD", "HOST_VARIABLE"],
        ),
    ],
    ids=str,
)
async def test_the_policy_says_which_names_stay(
    host: Server, policy: Json, expected: list[str]
) -> None:
    seen = await environment_for(host, envPolicy={**FULL_POLICY, **policy})
    assert sorted(seen) == expected


async def test_what_the_host_hides_is_never_seen(host: Server) -> None:
    policy = {**FULL_POLICY, "ignoreDefaultExcludes": True}
    seen = await environment_for(host, envPolicy=policy)
    assert "TELEXEC_TOKEN_FILE" not in seen
    assert "HOST_KEYBOARD" in seen


async def test_names_can_be_taken_out(host: Server) -> None:
    seen = await environment_for(host, envPolicy=FULL_POLICY, envUnset=["HOST_VARIABLE", "NONE"])
    assert "HOST_VARIABLE" not in seen
    assert "PATH" in seen
