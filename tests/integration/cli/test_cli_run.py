"""`telexec run` does what running the program here would do."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.server import Server
from tests.integration.cli.command import Ended, running, telexec
from tests.integration.cli.conftest import Host


def variables(ended: Ended) -> dict[str, str]:
    assert ended.exit_code == 0, ended.stderr
    pairs = (entry.partition("=") for entry in ended.stdout.decode().split("\0") if entry)
    return {name: value for name, _, value in pairs}


def test_output_and_errors_go_where_they_would_go_here(host: Host) -> None:
    ended = telexec(*host.run("--", *programs.say_both("out", "err")))
    assert ended == Ended(0, b"out", b"err")


def test_output_comes_before_the_process_ends(host: Host) -> None:
    script = 'printf out; printf err >&2; read -r line; printf "$line"'
    with running(host.run("--", *programs.shell(script)), stdin=subprocess.PIPE) as command:
        command.read_until(b"out")
        command.read_until(b"err", stream="stderr")
        assert command.is_running
        command.write(b"done\n")
        assert command.ended() == Ended(0, b"outdone", b"err")


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_exit_code_is_that_of_the_process(host: Host, code: int) -> None:
    assert telexec(*host.run("--", *programs.exit_with(code))) == Ended(code, b"", b"")


@pytest.mark.parametrize(("name", "number"), [("TERM", 15), ("KILL", 9), ("SEGV", 11)])
def test_death_by_a_signal_is_128_and_its_number(host: Host, name: str, number: int) -> None:
    assert telexec(*host.run("--", *programs.die_by(name))).exit_code == 128 + number


def test_arguments_of_the_program_are_its_own_also_without_the_dashes(host: Host) -> None:
    argv = programs.tool("printf", "%s|", "-e", "--json", "", "a b", "é")
    assert telexec(*host.run(*argv)).stdout == "-e|--json||a b|é|".encode()


def test_stdin_is_forwarded_and_ends_where_it_ends(host: Host) -> None:
    data = bytes(range(256)) * 20_000
    ended = telexec(*host.run("--", *programs.checksum_stdin()), stdin=data)
    assert ended.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_binary_data_goes_through_and_back(host: Host) -> None:
    data = bytes(range(256)) * 20_000
    assert telexec(*host.run("--", *programs.echo()), stdin=data).stdout == data


def test_a_file_as_stdin_is_forwarded(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"from a file")
    with (
        file.open("rb") as stdin,
        running(host.run("--", *programs.echo()), stdin=stdin.fileno()) as command,
    ):
        assert command.ended() == Ended(0, b"from a file", b"")


def test_a_process_that_leaves_its_stdin_unread_is_no_failure(host: Host) -> None:
    ended = telexec(*host.run("--", *programs.say("enough")), stdin=bytes(5_000_000))
    assert ended == Ended(0, b"enough", b"")


def test_without_stdin_the_process_has_none_even_if_there_is_some(host: Host) -> None:
    assert telexec(*host.run("-n", "--", *programs.echo()), stdin=b"x") == Ended(0, b"", b"")


def test_stdin_that_never_ends_does_not_outlive_the_process(host: Host) -> None:
    with running(host.run("--", *programs.say("x")), stdin=subprocess.PIPE) as command:
        assert command.ended() == Ended(0, b"x", b"")


def test_a_lot_of_output_arrives_whole_and_in_order(host: Host) -> None:
    ended = telexec(*host.run("--", *programs.numbered_lines(1, 300_000)))
    assert ended == Ended(0, programs.expected_lines(1, 300_000), b"")


def test_a_reader_that_has_seen_enough_ends_the_process_quietly(host: Host) -> None:
    with running(host.run("--", *programs.tool("yes"))) as command:
        command.read_until(b"y\n")
        command.close_stdout()
        ended = command.ended()
    assert (ended.exit_code, ended.stderr) == (141, b"")


def test_output_that_cannot_be_written_is_a_failure(host: Host) -> None:
    with (
        open("/dev/full", "wb") as full,
        running(host.run("--", *programs.say("x")), stdout=full.fileno()) as command,
    ):
        ended = command.ended()
    assert ended.exit_code == 125
    assert ended.stderr == b"telexec: cannot write to standard output: No space left on device\n"


def test_the_embedded_host_gives_exactly_the_named_variables(embedded: Host) -> None:
    ended = telexec(
        *embedded.run("-e", "A=1", "-e", "FROM_HERE", "--", *programs.print_environment()),
        env={"FROM_HERE": "x=y", "NOT_NAMED": "secret"},
    )
    assert variables(ended) == {"A": "1", "FROM_HERE": "x=y"}


def test_a_service_gives_its_own_environment_and_nothing_of_the_callers(remote: Host) -> None:
    ended = telexec(
        *remote.run("-e", "A=1", "--", *programs.print_environment()),
        env={"HOME": "/not/the/hosts", "NOT_NAMED": "secret"},
    )
    found = variables(ended)
    assert found["A"] == "1"
    assert found["HOME"] != "/not/the/hosts"
    assert "PATH" in found
    assert "NOT_NAMED" not in found


def test_inherit_says_how_much_of_the_hosts_environment_there_is(host: Host) -> None:
    none = telexec(*host.run("--inherit", "none", "-e", "A=1", "--", *programs.print_environment()))
    core = telexec(*host.run("--inherit", "core", "--", *programs.print_environment()))
    assert variables(none) == {"A": "1"}
    assert "PATH" in variables(core)


def test_a_variable_can_be_taken_out(remote: Host) -> None:
    ended = telexec(*remote.run("--unset", "HOME", "--", *programs.print_environment()))
    found = variables(ended)
    assert "HOME" not in found
    assert "PATH" in found


def test_variables_come_from_files_and_arguments_go_over_them(host: Host, tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("# comment\nA=file\nB=file\n")
    ended = telexec(
        *host.run(
            *("--inherit", "none", "--env-file", str(tmp_path / "a.env"), "-e", "B=argument"),
            *("--", *programs.print_environment()),
        )
    )
    assert variables(ended) == {"A": "file", "B": "argument"}


def test_the_process_starts_in_the_directory_that_is_named(host: Host, tmp_path: Path) -> None:
    odd = tmp_path / "an odd %41 näme"
    odd.mkdir()
    ended = telexec(*host.run("-w", str(odd), "--", *programs.print_working_directory()))
    assert ended.stdout.decode().rstrip("\n") == str(odd)


def test_a_relative_directory_starts_where_the_host_is(embedded: Host, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    argv = embedded.run("-w", "inner", "--", *programs.print_working_directory())
    assert telexec(*argv, directory=tmp_path).stdout.decode() == f"{tmp_path}/inner\n"


def test_time_that_is_over_ends_the_process(host: Host) -> None:
    ended = telexec(*host.run("--timeout", "200ms", "--", *programs.say_and_sleep("begun")))
    assert (ended.exit_code, ended.stdout) == (124, b"begun")


def test_url_and_token_come_from_the_environment(tokened_service: Server, token_file: Path) -> None:
    env = {"TELEXEC_URL": tokened_service.url, "TELEXEC_TOKEN_FILE": str(token_file)}
    ended = telexec("run", "--", *programs.print_environment(), env=env)
    found = variables(ended)
    assert "PATH" in found
    assert not [name for name in found if name.startswith("TELEXEC_")]


def test_json_tells_all_about_the_end(host: Host) -> None:
    script = "printf out; printf '\\377' >&2; kill -TERM $$"
    ended = telexec(*host.run("--json", "--", *programs.shell(script)))
    assert ended.stdout.count(b"\n") == 1
    report = json.loads(ended.stdout)
    assert report.pop("durationMs") >= 0
    assert report.pop("usage").keys() == {"userMs", "systemMs", "maxRssBytes"}
    assert report == {
        "exitCode": 143,
        "signal": "SIGTERM",
        "reason": "signaled",
        "stdout": "out",
        "stdoutEncoding": "utf-8",
        "stderr": "/w==",
        "stderrEncoding": "base64",
        "truncated": False,
        "error": None,
    }
    assert (ended.exit_code, ended.stderr) == (143, b"")


def test_json_tells_that_the_time_was_over(host: Host) -> None:
    ended = telexec(*host.run("--json", "--timeout", "200ms", "--", *programs.sleep()))
    assert ended.exit_code == 124
    assert json.loads(ended.stdout)["reason"] == "timeout"


def test_json_tells_why_nothing_ran(host: Host) -> None:
    ended = telexec(*host.run("--json", "--", "/no/such/program"))
    report = json.loads(ended.stdout)
    assert ended.exit_code == 127
    assert report["exitCode"] is None
    assert report["error"]["type"] == "ProgramNotFoundError"


def test_a_run_loads_nothing_that_is_for_tables(host: Host) -> None:
    ended = telexec(*host.run("--", "true"), env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert ended.exit_code == 0
    imported = {line.rsplit(b"|", 1)[-1].strip() for line in ended.stderr.splitlines()}
    assert b"telexec_client.cli.remote_run" in imported
    assert not imported & {b"rich", b"telexec_client.cli.table", b"click.shell_completion"}
