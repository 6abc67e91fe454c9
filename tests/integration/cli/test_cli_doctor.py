"""`telexec doctor` finds what is wrong, and says what to do."""

import json
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.harness.certificates import TLS_LOOPBACK, Authority
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.harness.terminal import terminal
from tests.integration.cli.command import TELEXEC, Ended, environment, telexec

LONG = "[sessions]\nmax_lease_s = 86400.0\n"


def doctor(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Return the exit code, and the findings of the last section by what was looked at."""
    ended = telexec("doctor", "--json", *arguments, env=env)
    assert ended.stderr == b""
    report = json.loads(ended.stdout)
    assert report["ok"] == (ended.exit_code == 0)
    return ended.exit_code, {it["check"]: it for it in report["sections"][-1]["findings"]}


def assert_fails(result: tuple[int, dict[str, Any]], check: str, *mentions: str) -> None:
    """Check that the last finding is what keeps it from working, with what to do."""
    exit_code, findings = result
    assert exit_code == 1
    last = list(findings.values())[-1]
    assert (last["check"], last["mark"]) == (check, "fail"), last
    assert last["advice"]
    for mention in mentions:
        assert mention in last["what"] + last["advice"]


def test_this_machine_is_examined_without_a_host() -> None:
    exit_code, findings = doctor()
    assert exit_code == 0
    assert set(findings) == {"client", "locale", "terminal", "hosts", "sessions", "embedded"}
    assert findings["embedded"]["mark"] == "ok"


def test_a_host_in_order_is_said_to_be_so(tmp_path: Path) -> None:
    with running_service(tmp_path, guarded=True, config=LONG) as server:
        token = ("--token-file", str(tmp_path / "token"))
        exit_code, findings = doctor("--url", server.url, *token)
        assert exit_code == 0
        assert {it["mark"] for it in findings.values()} == {"ok"}, findings
        assert set(findings) == {
            *("token file", "name", "port", "TLS", "HTTP", "session", "version", "program"),
            *("clock", "token", "lease", "limits", "processes", "descriptors", "memory"),
            *("environment", "frames"),
        }
        assert "admin" in findings["token"]["what"]
        shown = telexec("doctor", "--url", server.url, *token, env={"COLUMNS": "80"})
    lines = shown.stdout.decode().splitlines()
    assert max(map(len, lines)) <= 80
    assert f"host {server.url}" in lines
    assert lines[-1].endswith(" 0 warn, 0 fail")


def test_nothing_is_left_on_a_host(service: Server) -> None:
    doctor("--url", service.url)
    listed = telexec("ps", "--all", "--url", service.url, "--json")
    assert json.loads(listed.stdout) == {"sessions": []}


def test_a_host_on_a_socket_is_examined_too(tmp_path: Path) -> None:
    with running_service(tmp_path, listen=f"unix:{tmp_path}/s", guarded=None) as server:
        options = (
            "--url",
            server.url,
            "--token-file",
            str(tmp_path / ".local/state/telexec/token"),
        )
        exit_code, findings = doctor(*options)
    assert exit_code == 0
    assert findings["port"]["mark"] == "ok"
    assert "name" not in findings


def test_a_short_lease_is_warned_of_with_the_setting(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[sessions]\nmax_lease_s = 60.0\n") as server:
        exit_code, findings = doctor("--url", server.url)
    assert exit_code == 0
    assert findings["lease"]["mark"] == "warn"
    assert "max_lease_s" in findings["lease"]["advice"]


def test_a_url_that_is_none_is_said() -> None:
    assert_fails(doctor("--url", "nonsense"), "URL", "ws://HOST:PORT")


def test_a_name_without_an_address_is_said() -> None:
    assert_fails(doctor("--url", "ws://no-such-host.invalid:1"), "name", "no-such-host.invalid")


def test_a_port_that_nobody_listens_at_is_said(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{unused.getsockname()[1]}"
        assert_fails(doctor("--url", url), "port", "refused", "telexec-service")
    assert_fails(doctor("--url", f"unix:{tmp_path}/none"), "port", "--listen")


@contextmanager
def answering(answer: bytes) -> Generator[str]:
    """Yield the URL of a port that answers whatever it is asked with this."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_port_of_something_else_is_said() -> None:
    with answering(b"SSH-2.0-OpenSSH_9.2\r\n") as url:
        assert_fails(doctor("--url", url), "HTTP", "does not speak HTTP")
    with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as url:
        assert_fails(doctor("--url", url), "HTTP", "404")


def test_a_wrong_token_and_a_missing_one_are_told_apart(
    tokened_service: Server, tmp_path: Path
) -> None:
    url = ("--url", tokened_service.url)
    assert_fails(doctor(*url), "token", "asks for a token", "--token-file")
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text("not-the-token")
    assert_fails(doctor(*url, "--token-file", str(file)), "token", "does not accept")
    assert_fails(doctor(*url, "--token-file", f"{file}-absent"), "token file", "absent")


def test_a_host_whose_numbers_are_for_others_is_in_order(tmp_path: Path) -> None:
    (tmp_path / "metrics-token").write_text("for-a-scraper-alone-0123456789\n")
    options = ["--metrics-token-file", str(tmp_path / "metrics-token")]
    with running_service(tmp_path, options=options) as server:
        exit_code, findings = doctor("--url", server.url)
    assert exit_code == 0
    assert findings["token"]["mark"] == "ok"
    assert "descriptors" not in findings


def test_a_token_that_others_can_read_is_warned_of(tokened_service: Server, tmp_path: Path) -> None:
    assert tokened_service.token is not None
    file = tmp_path / "token"
    file.write_text(tokened_service.token)
    file.chmod(0o644)
    exit_code, findings = doctor("--url", tokened_service.url, "--token-file", str(file))
    assert exit_code == 0
    assert findings["token file"]["mark"] == "warn"
    assert findings["token file"]["advice"] == f"chmod 600 {file}"


def test_certificates_are_looked_at(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    soon = authority.issue().options
    with running_service(tmp_path, listen=TLS_LOOPBACK, options=soon) as server:
        url = ("--url", server.url)
        exit_code, findings = doctor(*url, "--ca", str(authority.file))
        assert exit_code == 0
        # It is issued for a day.
        assert findings["TLS"]["mark"] == "warn"
        assert "SIGHUP" in findings["TLS"]["advice"]
        assert_fails(doctor(*url), "TLS", "no authority that this system knows")
    expired = authority.issue(has_expired=True).options
    with running_service(tmp_path, listen=TLS_LOOPBACK, options=expired) as server:
        url = ("--url", server.url, "--ca", str(authority.file))
        assert_fails(doctor(*url), "TLS", "expired")
    with running_service(tmp_path) as server:
        secure = server.url.replace("ws:", "wss:")
        assert_fails(doctor("--url", secure), "TLS", "ws://")


def test_a_host_that_cannot_be_told_is_said_after_this_machine(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text("nonsense")
    env = {"TELEXEC_HOSTS": str(tmp_path / "hosts.toml")}
    exit_code, findings = doctor(env=env)
    assert exit_code == 1
    assert findings["name"]["mark"] == "fail"


def test_a_locale_and_a_state_directory_of_no_use_are_warned_of() -> None:
    exit_code, findings = doctor(env={"LC_ALL": "xx_XX", "XDG_STATE_HOME": "/proc"})
    assert exit_code == 0
    assert {name for name, it in findings.items() if it["mark"] == "warn"} == {
        "locale",
        "sessions",
    }


def test_a_plain_host_is_said_to_be_one(exec_server: Server) -> None:
    exit_code, findings = doctor("--url", exec_server.url)
    assert exit_code == 0
    assert findings["version"]["mark"] == "warn"
    assert findings["program"]["mark"] == "ok"


def test_people_see_the_advice_below(tmp_path: Path) -> None:
    ended: Ended = telexec("doctor", "--url", f"unix:{tmp_path}/none", env={"COLUMNS": "80"})
    assert ended.exit_code == 1
    lines = ended.stdout.decode().splitlines()
    (number,) = (place for place, line in enumerate(lines) if line.startswith("fail  port "))
    assert any(line.strip().startswith("-> start telexec-service") for line in lines[number:])
    assert lines[-1].endswith(" 1 fail")


async def test_marks_have_colours_on_a_terminal_unless_nobody_wants_them() -> None:
    for variables, is_colored in [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ]:
        async with terminal() as screen:
            env = environment({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **variables})
            async with screen.running([TELEXEC, "doctor"], env) as command:
                assert await command.ended() == 0
                await screen.shows(" 0 fail")
            assert (b"\x1b[" in screen.shown) is is_colored
            assert "ok    client" in screen.screen
