"""Where a service listens, what it says of its health, and when it does not start at all."""

import asyncio
import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import procfs, programs
from tests.harness.deadline import DEADLINE_S, eventually, within
from tests.harness.http_request import get, http
from tests.harness.raw_peer import raw_peer, stdio_peer
from tests.harness.server import Server, ServerFailedError, minimal_environment
from tests.harness.service import running_service, service_argv


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
async def test_health_is_told_without_a_token(
    tokened_service: Server, unix_service: Server, path: str
) -> None:
    assert (await http(tokened_service, get(path)))[0] == 200
    assert (await http(unix_service, get(path)))[0] == 200


async def test_health_is_not_told_to_a_browser(service: Server) -> None:
    assert (await http(service, get("/readyz", "Origin: https://example.com")))[0] == 403


@pytest.mark.parametrize("path", ["/", "/readyz", "/livez", "/no/such/page"])
async def test_a_name_that_is_not_its_own_gets_no_answer_on_any_path(
    service: Server, path: str
) -> None:
    request = get(path).replace("Host: 127.0.0.1", "Host: rebound.example:80")
    status, answer = await http(service, request)
    assert status == 421
    assert "--allow-host" in answer


async def test_a_client_by_a_name_that_is_not_listed_is_told_what_to_configure(
    tmp_path: Path,
) -> None:
    options = ["--allow-host", "build1.example"]
    with running_service(tmp_path, options=options) as server:
        port = server.url.rpartition(":")[2]
        for name, status in {"build1.example": 200, "build2.example": 421}.items():
            request = get("/readyz").replace("Host: 127.0.0.1", f"Host: {name}:{port}")
            assert (await http(server, request))[0] == status


async def test_a_unix_socket_takes_any_name(unix_service: Server) -> None:
    request = get("/readyz").replace("Host: 127.0.0.1", "Host: whatever.example")
    assert (await http(unix_service, request))[0] == 200


async def test_what_is_no_upgrade_is_turned_away(service: Server) -> None:
    assert (await http(service, get("/")))[0] in {400, 426}
    assert (await http(service, get("/no/such/page")))[0] == 404
    status, _ = await http(
        service,
        get(
            "/",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 7",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ).replace("Connection: close", "Connection: Upgrade"),
    )
    assert status in {400, 426}


@pytest.mark.parametrize(
    "rubbish",
    ["\x16\x03\x01\x02\x00\x01\x00", "hello\r\n\r\n", "GET / HTTP/1.1\r\n" + "A: b\r\n" * 10_000],
    ids=["TLS", "no HTTP", "endless headers"],
)
async def test_what_is_no_http_ends_the_connection_and_nothing_else(
    service: Server, rubbish: str
) -> None:
    host, port = service.url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(rubbish.encode("latin-1"))
    writer.write_eof()
    # A reset, if it did not even read all of it.
    with contextlib.suppress(ConnectionResetError):
        await within(reader.read(), what="the end of the connection")
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    assert (await http(service, get("/readyz")))[0] == 200


async def test_a_unix_socket_is_its_owners_and_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with running_service(tmp_path, listen=f"unix:{path}") as server:
        assert server.url == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with raw_peer(server.url) as peer:
            assert await (await peer.start(programs.exit_with(3))).exit_code() == 3
    assert not path.exists()


async def test_a_unix_socket_can_want_a_token(tmp_path: Path) -> None:
    with running_service(tmp_path, listen=f"unix:{tmp_path}/socket", guarded=True) as server:
        assert (await http(server, get("/")))[0] == 401
        async with raw_peer(server.url, token=server.token) as peer:
            assert peer.session_id


async def test_a_socket_that_a_dead_service_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with running_service(tmp_path, listen=f"unix:{path}") as server:
        async with raw_peer(server.url) as peer:
            assert peer.session_id


def test_a_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with (
        running_service(tmp_path, listen=f"unix:{path}"),
        pytest.raises(ServerFailedError, match=r"cannot listen on unix:.*in use"),
        running_service(tmp_path, listen=f"unix:{path}"),
    ):
        pass
    path.write_text("mine")
    with (
        pytest.raises(ServerFailedError, match="cannot listen on unix:"),
        running_service(tmp_path, listen=f"unix:{path}"),
    ):
        pass
    assert path.read_text() == "mine"


async def test_the_end_of_stdin_is_the_end_of_a_service_on_stdio(tmp_path: Path) -> None:
    env = minimal_environment(tmp_path)
    async with stdio_peer(service_argv("stdio"), env=env, directory=tmp_path) as peer:
        process = await peer.start(programs.family(2))
        pids = [int(word) for word in (await process.until_output(b"\n")).split()]
    # The fixture has seen it exit with 0.
    await eventually(lambda: not any(map(procfs.is_alive, pids)), what="the children's end")


async def test_stdout_of_a_service_on_stdio_has_messages_only(tmp_path: Path) -> None:
    env = minimal_environment(tmp_path)
    argv = service_argv("stdio")
    async with stdio_peer(argv, env=env, directory=tmp_path, initialize=False) as peer:
        await peer.send("\n\n")
        first = await peer.request("initialize", {"clientName": "x", "resumeSessionId": None})
        assert first["sessionId"]
        # Two in one write, and one in two.
        environment = json.dumps({"id": "a", "method": "environment/info"})
        await peer.notify("initialized")
        await peer.send(environment + "\n" + environment.replace('"a"', '"b"'))
        await peer.until(lambda: len(peer.stray_answers) >= 2, what="both answers")
        assert [answer["id"] for answer in peer.stray_answers][-2:] == ["a", "b"]


def failure_of(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a service that must not start; return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "telexec_service", *arguments],
        env=minimal_environment(directory),
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--listen", "ws://0.0.0.0:0", "--no-auth"], "without a token"),
        (["--listen", "ws://0.0.0.0:0"], "without encryption"),
        (["--listen", "wss://127.0.0.1:0", "--no-auth"], "--tls-cert FILE"),
        (["--tls-cert", "x", "--no-auth"], "write --listen wss://IP:PORT"),
        (["--listen", "stdio", "--tls-cert", "x"], "write --listen wss://IP:PORT"),
        (["--listen", "wss://0.0.0.0:0", "--tls-cert", "x", "--no-auth"], "without a token"),
        (["--allow-host", "http://x", "--no-auth"], "cannot allow the host"),
        (["--listen", "ws://127.0.0.1"], "write ws://IP:PORT"),
        (["--listen", "ws://127.0.0.1:99999"], "cannot listen"),
        (["--listen", "http://127.0.0.1:0"], "write ws://IP:PORT"),
        (["--listen", "nonsense"], "write ws://IP:PORT"),
        (["--listen", "ws://192.0.2.1:0", "--plaintext"], "cannot listen"),
        (["--listen", "unix:", "--no-auth"], "it has no path"),
        (["--listen", "unix:/no/such/directory/socket", "--no-auth"], "cannot listen"),
        (["--config", "/no/such/file", "--no-auth"], "cannot read the configuration"),
        (["--config", "bad.toml", "--no-auth"], "cannot use the configuration"),
        (["--config", "broken.toml", "--no-auth"], "cannot read the configuration"),
        (["--token-file", "/proc/no/such/token"], "cannot make the token file"),
        (["--token-file", "empty"], "cannot use the token file"),
        (["--token-file", "."], "cannot read the token file"),
    ],
    ids=str,
)
def test_what_cannot_work_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], why: str
) -> None:
    (tmp_path / "bad.toml").write_text("[limits]\nno_such_limit = 1\n")
    (tmp_path / "broken.toml").write_text("[limits\n")
    (tmp_path / "empty").touch(mode=0o600)
    ended = failure_of(*arguments, directory=tmp_path)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("telexec-service: cannot ")
    assert why in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_port_in_use_is_said_in_one_line(service: Server, tmp_path: Path) -> None:
    ended = failure_of("--listen", service.url, "--no-auth", directory=tmp_path)
    assert ended.returncode == 1
    assert (
        ended.stderr == f"telexec-service: cannot listen on {service.url}: address already in use\n"
    )


def test_the_umask_decides_nothing_about_the_token_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with running_service(tmp_path, guarded=None, options=["--token-file", "made"]):
            assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600
    finally:
        os.umask(before)
