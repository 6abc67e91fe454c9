"""Hosts that have names: `--host`, and `telexec hosts`."""

import json
import socket
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.certificates import TLS_LOOPBACK, Authority
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.integration.cli.command import TELEXEC, Ended, running, telexec
from tests.integration.cli.test_cli_failures import assert_one_line

SAY = ("--", *programs.say("in"))


@pytest.fixture
def hosts_file(tokened_service: Server, token_file: Path) -> Path:
    """Return a file that names the service `remote`; its token is beside the file."""
    file = token_file.parent / "hosts.toml"
    file.write_text(f'[hosts.remote]\nurl = "{tokened_service.url}"\ntoken_file = "token"\n')
    return file


def with_hosts(file: Path, *arguments: str, **variables: str) -> Ended:
    return telexec(*arguments, env={"TELEXEC_HOSTS": str(file), **variables})


def test_a_command_runs_on_the_host_of_a_name_with_its_token(hosts_file: Path) -> None:
    assert with_hosts(hosts_file, "run", "--host", "remote", *SAY).stdout == b"in"
    assert with_hosts(hosts_file, "run", *SAY, TELEXEC_HOST="remote").stdout == b"in"
    explained = with_hosts(hosts_file, "env", "explain", "--host", "remote")
    assert explained.stdout.startswith(b"remote ws://")


def test_the_file_is_found_where_configuration_is(hosts_file: Path, tmp_path: Path) -> None:
    file = tmp_path / ".config" / "telexec" / "hosts.toml"
    file.parent.mkdir(parents=True)
    file.write_text(hosts_file.read_text())
    (file.parent / "token").symlink_to(hosts_file.parent / "token")
    argv = ("run", "--host", "remote", *SAY)
    by_home = {"TELEXEC_HOSTS": "", "HOME": str(tmp_path)}
    assert telexec(*argv, env=by_home).stdout == b"in"
    # One that is relative is to be ignored.
    assert telexec(*argv, env={**by_home, "XDG_CONFIG_HOME": "x"}).stdout == b"in"
    elsewhere = {"XDG_CONFIG_HOME": str(tmp_path / ".config"), "HOME": "/"}
    assert telexec(*argv, env={"TELEXEC_HOSTS": "", **elsewhere}).stdout == b"in"


def test_where_no_host_is_named_the_default_is_meant(hosts_file: Path) -> None:
    hosts_file.write_text('default = "remote"\n' + hosts_file.read_text())
    on_default = with_hosts(hosts_file, "env", "explain").stdout
    assert on_default.startswith(b"remote ws://")
    on_embedded = with_hosts(hosts_file, "env", "explain", "--host", "embedded").stdout
    assert on_embedded.startswith(b"embedded  exact")
    assert with_hosts(hosts_file, "run", *SAY).stdout == b"in"


def test_what_is_said_for_one_command_goes_before_what_is_said_for_all(hosts_file: Path) -> None:
    nowhere = "ws://127.0.0.1:1"
    argv = ("run", "--host", "remote", *SAY)
    assert with_hosts(hosts_file, *argv, TELEXEC_URL=nowhere).stdout == b"in"
    ended = with_hosts(hosts_file, "run", "--url", nowhere, *SAY, TELEXEC_HOST="remote")
    assert_one_line(ended, nowhere)
    # A token that is set for all is for the URL that is, and not for a host that has a name.
    assert with_hosts(hosts_file, *argv, TELEXEC_TOKEN_FILE="/absent").stdout == b"in"
    ended = with_hosts(hosts_file, *argv[:3], "--token-file", "/absent", *SAY)
    assert_one_line(ended, "/absent")


@pytest.mark.parametrize(
    ("arguments", "variables", "mention"),
    [
        (["--host", "remote", "--url", "ws://a"], {}, "--host and --url exclude each other"),
        ([], {"TELEXEC_HOST": "remote", "TELEXEC_URL": "ws://a"}, "exclude each other"),
        (["--host", "remoet"], {}, "did you mean remote? known are remote, embedded"),
    ],
)
def test_a_host_that_cannot_be_meant_is_one_line(
    hosts_file: Path, arguments: list[str], variables: dict[str, str], mention: str
) -> None:
    ended = with_hosts(hosts_file, "run", *arguments, "--", "true", **variables)
    assert ended.exit_code == 125
    assert_one_line(ended, mention)


def test_a_file_that_cannot_be_used_is_one_line(hosts_file: Path) -> None:
    ended = with_hosts(Path("/absent/hosts"), "hosts")
    assert ended.exit_code == 125
    assert_one_line(ended, "cannot read /absent/hosts: No such file")
    hosts_file.write_text("[hosts.a]\nurl = 'ws://a'\ntoken_fiel = 'x'\n")
    ended = with_hosts(hosts_file, "run", "--", "true")
    assert ended.exit_code == 125
    assert_one_line(ended, str(hosts_file), "'token_fiel' in [hosts.a]: did you mean token_file?")


def test_a_command_with_a_url_does_not_look_into_the_file(
    hosts_file: Path, tokened_service: Server, token_file: Path
) -> None:
    hosts_file.write_text("no TOML")
    options = ("--url", tokened_service.url, "--token-file", str(token_file))
    assert with_hosts(hosts_file, "run", *options, *SAY).stdout == b"in"


def test_hosts_are_listed_and_asked_whether_they_answer(hosts_file: Path, tmp_path: Path) -> None:
    listed = with_hosts(hosts_file, "hosts")
    assert (listed.exit_code, listed.stderr) == (0, b"")
    assert b"token" in listed.stdout.splitlines()[1]
    asked = with_hosts(hosts_file, "hosts", "--check")
    assert asked.exit_code == 0
    assert b"  yes, telexec " in asked.stdout
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        with hosts_file.open("a") as file:
            file.write(f'[hosts.silent]\nurl = "{url}"\n[hosts.guarded]\n')
            file.write(hosts_file.read_text().splitlines()[1] + "\n")
        asked = with_hosts(hosts_file, "hosts", "--check", "--json")
    assert asked.exit_code == 1
    checks = {host["name"]: host["check"] for host in json.loads(asked.stdout)["hosts"]}
    assert {name: check["ok"] for name, check in checks.items()} == {
        "remote": True,
        "silent": False,
        "guarded": False,
    }
    assert checks["guarded"]["error"]["type"] == "AuthenticationError"


def test_a_host_with_tls_has_its_authority_in_the_file(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with running_service(
        tmp_path, listen=TLS_LOOPBACK, options=authority.issue().options
    ) as server:
        file = tmp_path / "hosts.toml"
        file.write_text(
            f'[hosts.a]\nurl = "{server.url}"\nca_file = "{authority.file}"\n'
            f'[hosts.b]\nurl = "{server.url}"\n'
        )
        assert with_hosts(file, "run", "--host", "a", *SAY).stdout == b"in"
        assert_one_line(with_hosts(file, "run", "--host", "b", *SAY), "--ca")


def test_environments_of_hosts_that_have_names_are_compared(
    hosts_file: Path, tokened_service: Server
) -> None:
    same = with_hosts(hosts_file, "env", "diff", "@remote", "@remote")
    assert (same.exit_code, same.stderr) == (0, b"")
    # The token of a host that has a name goes to no host that has none, but for the same one.
    url = tokened_service.url
    assert with_hosts(hosts_file, "env", "diff", "@remote", url).exit_code == 0
    ended = with_hosts(hosts_file, "env", "diff", url, "@remote")
    assert ended.exit_code == 125
    assert_one_line(ended, "token")
    profile = with_hosts(hosts_file, "env", "diff", "default", "@remote", "--host", "remote")
    assert profile.exit_code == 0


def test_without_click_it_is_said_how_to_install_it(tmp_path: Path) -> None:
    # A telexec whose Python finds everything but click.
    code = (
        "import sys, importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'click' else find(name, *rest)\n"
        "from telexec_client.cli import main\n"
        "main()"
    )
    python = str(Path(TELEXEC).parent / "python")
    with running([], through=[python, "-c", code]) as command:
        ended = command.ended()
    assert ended.exit_code == 2
    assert_one_line(Ended(2, ended.stdout, ended.stderr), "pip install 'telexec[cli]'")
