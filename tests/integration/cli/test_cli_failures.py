"""What `telexec` cannot do it says in one line, with an exit code that tells it apart."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.certificates import TLS_LOOPBACK, Authority
from tests.harness.deadline import eventually_blocking
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import LOOPBACK, running_service, service_argv
from tests.integration.cli.command import Ended, running, telexec
from tests.integration.cli.conftest import Host


def assert_one_line(ended: Ended, *mentions: str) -> None:
    assert ended.stdout == b""
    line = ended.stderr.decode()
    assert line.startswith("telexec: cannot ")
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert "Traceback" not in line
    for mention in mentions:
        assert mention in line


def test_a_program_that_is_not_there_is_127(host: Host) -> None:
    ended = telexec(*host.run("--", "no-such-program"))
    assert ended.exit_code == 127
    assert_one_line(ended, "no-such-program")


@pytest.mark.parametrize("program", ["/etc/passwd", "/etc"])
def test_what_cannot_be_executed_is_126(host: Host, program: str) -> None:
    ended = telexec(*host.run("--", program))
    assert ended.exit_code == 126
    assert_one_line(ended, program)


@pytest.mark.parametrize("directory", ["/no/such/directory", "/etc/passwd"])
def test_a_directory_that_is_none_is_our_failure(host: Host, directory: str) -> None:
    ended = telexec(*host.run("-w", directory, "--", *programs.succeed()))
    assert ended.exit_code == 125
    assert_one_line(ended, directory)


def test_a_host_that_nobody_listens_on_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{unused.getsockname()[1]}"
        ended = telexec("run", "--url", url, "--", "true")
    assert ended.exit_code == 125
    assert_one_line(ended, url)


@pytest.mark.parametrize("url", ["nonsense", "http://x", "ws://", "ws://host:port", "unix:"])
def test_a_bad_url_is_named(url: str) -> None:
    ended = telexec("run", "--url", url, "--", "true")
    assert ended.exit_code == 125
    assert_one_line(ended)


def test_a_host_with_tls_is_run_on_with_its_authority_and_not_without(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    options = authority.issue().options
    with running_service(tmp_path, listen=TLS_LOOPBACK, options=options) as server:
        ca, run = ("--ca", str(authority.file)), ("run", "--url", server.url)
        assert telexec(*run, *ca, "--", *programs.say("in")).stdout == b"in"
        explained = telexec("env", "explain", "--url", server.url, *ca)
        assert explained.exit_code == 0
        ended = telexec(*run, "--", "true")
        assert ended.exit_code == 125
        assert_one_line(ended, server.url, "--ca")
        # Whatever is said for all commands does not get in the way of one without TLS.
        env = {"TELEXEC_CA": str(authority.file)}
        assert telexec(*run, "--", *programs.say("in"), env=env).stdout == b"in"
        assert telexec("run", "--", *programs.say("here"), env=env).stdout == b"here"
        diff = ("env", "diff", server.url, server.url)
        assert telexec(*diff, env=env).exit_code == 0
    ended = telexec("run", "--url", "ws://127.0.0.1:1", *ca, "--", "true")
    assert ended.exit_code == 125
    assert_one_line(ended, "is not encrypted")
    ended = telexec("env", "diff", "default", "ci", "--url", "ws://127.0.0.1:1", *ca)
    assert ended.exit_code == 125
    assert_one_line(ended, "--ca")


def test_a_wrong_token_and_a_missing_one_are_refused(
    tokened_service: Server, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-token")
    for options in (["--token-file", str(wrong)], []):
        ended = telexec("run", "--url", tokened_service.url, *options, "--", "true")
        assert ended.exit_code == 125
        assert_one_line(ended)
        assert "not-the-token" not in ended.stderr.decode()


def test_a_token_file_that_is_not_there_is_named(tokened_service: Server, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    options = ("--url", tokened_service.url, "--token-file", absent)
    ended = telexec("run", *options, "--", "true")
    assert ended.exit_code == 125
    assert_one_line(ended, absent)


def test_a_host_that_is_gone_for_good_is_our_failure(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[sessions]\nlease_s = 1.0\n")
    argv = service_argv(LOOPBACK, "--no-auth", "--config", str(config))
    environment = minimal_environment(tmp_path)
    with running_server(
        argv, env=environment, directory=tmp_path, expect_graceful=False
    ) as service:
        # It ends by itself when the service that reads its output has gone.
        until_unread = programs.shell("while echo tick; do sleep 0.05; done")
        with running(["run", "--url", service.url, "--", *until_unread]) as command:
            command.read_until(b"tick\n")
            service.send_signal(signal.SIGKILL)
            ended = command.ended()
    assert ended.exit_code == 125
    assert_one_line(Ended(125, b"", ended.stderr), "session")


def test_a_host_that_shuts_down_ends_the_process_and_tells_how(tmp_path: Path) -> None:
    config = "[shutdown]\ndrain_s = 0.0\n"
    with running_service(tmp_path, config=config) as service:
        waiting = programs.shell("echo begun >&2; exec sleep 600")
        with running(["run", "--url", service.url, "--", *waiting]) as command:
            command.read_until(b"begun\n", stream="stderr")
            service.send_signal(signal.SIGTERM)
            assert command.ended() == Ended(143, b"", b"begun\n")
        eventually_blocking(lambda: service.exit_code is not None, what="the service's end")


@pytest.mark.parametrize(
    ("arguments", "mention"),
    [
        (["--no-such-option", "--", "true"], "--no-such-option"),
        (["--timeout", "soon", "--", "true"], "soon"),
        (["--inherit", "some", "--", "true"], "some"),
        (["-e", "=x", "--", "true"], "'=x'"),
        (["-e", "NOT_SET_HERE", "--", "true"], "NOT_SET_HERE"),
        (["-i", "-n", "--", "true"], "-n"),
        (["--env-file", "/no/such/file", "--", "true"], "/no/such/file"),
        (["--", ""], "without a name"),
        ([], "PROGRAM"),
        (["--url"], "--url"),
    ],
)
def test_a_bad_argument_is_named(arguments: list[str], mention: str) -> None:
    ended = telexec("run", *arguments)
    assert ended.exit_code == 125
    assert_one_line(ended, mention)


def test_a_bad_line_of_an_environment_file_is_named_with_its_number(tmp_path: Path) -> None:
    file = tmp_path / "bad.env"
    file.write_text("A=1\nnonsense\n")
    ended = telexec("run", "--env-file", str(file), "--", "true")
    assert ended.exit_code == 125
    assert_one_line(ended, f"{file}, line 2")


def test_an_unknown_command_is_named() -> None:
    ended = telexec("frobnicate")
    assert ended.exit_code == 125
    assert_one_line(ended, "frobnicate")


def test_help_fits_a_terminal_of_80_columns_and_shows_examples() -> None:
    ended = telexec("run", "--help", env={"COLUMNS": "80"})
    assert (ended.exit_code, ended.stderr) == (0, b"")
    lines = ended.stdout.decode().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.strip().startswith("telexec run --url") for line in lines)


def test_help_imports_nothing_that_it_does_not_need() -> None:
    ended = telexec("run", "--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.rsplit(b"|", 1)[-1].strip() for line in ended.stderr.splitlines()}
    assert b"click" in imported
    assert not imported & {b"asyncio", b"websockets", b"msgspec", b"telexec_schemas.methods"}


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_that_are_closed_are_as_if_nobody_were_there(
    remote: Host, closed: str
) -> None:
    argv = remote.run("--", *programs.shell("echo out; echo err >&2; cat; exit 6"))
    with running(argv, through=["sh", "-c", f'exec "$@" {closed}', "sh"]) as command:
        assert command.ended().exit_code == 6


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_output_that_cannot_be_written_is_said(remote: Host, options: list[str]) -> None:
    argv = remote.run(*options, "--", *programs.shell("echo out"))
    with running(argv, through=["sh", "-c", 'exec "$@" >/dev/full', "sh"]) as command:
        ended = command.ended()
    assert ended.exit_code == 125
    assert_one_line(ended, "standard output", "No space left")


def test_a_token_file_that_holds_no_token_is_named(remote: Host, tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.write_text("\n")
    ended = telexec(*remote.run("--token-file", str(file), "--", "true"))
    assert ended.exit_code == 125
    assert_one_line(ended, str(file))


def test_a_host_without_tls_that_is_asked_for_it_is_said_to_have_none(
    tokened_service: Server,
) -> None:
    ended = telexec("run", "--url", tokened_service.url.replace("ws:", "wss:"), "--", "true")
    assert ended.exit_code == 125
    assert_one_line(ended, "TLS")


@pytest.mark.parametrize("arguments", [["doctor"], ["hosts"]])
def test_a_table_without_the_package_for_tables_says_how_to_install_it(
    tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "hosts.toml").write_text('[hosts.one]\nurl = "ws://one:1"\n')
    code = (
        "import sys; sys.modules['rich'] = None; from telexec_client.cli import main;"
        " sys.argv[0] = 'telexec'; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PATH": os.environ["PATH"], "TELEXEC_HOSTS": str(tmp_path / "hosts.toml")},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert_one_line(Ended(2, done.stdout, done.stderr), "pip install 'telexec[cli]'")
