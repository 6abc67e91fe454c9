"""`telexec env` says what `telexec run` would do, on a host whose operator has rules."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.server import Server
from tests.harness.service import running_service
from tests.integration.cli.command import Ended, running, telexec

CONFIG = """
[env]
exclude = ["TZ*"]
set = { CI = "1" }

[env.profiles.bare]
inherit = "core"

[env.overlay]
fixed = ["HOME"]
"""
SECRET = "never to be shown"
ENVIRONMENT = {
    "TZ": "UTC",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "BOARD_TOKENS": SECRET,
    "LONG": "long " * 100,
    "ODD": "a\x1b[31mb\nc",
}


@dataclass(frozen=True)
class RuledHost:
    """A host with rules, and another one without."""

    url: str
    plain_url: str

    def explain(self, *arguments: str, env: dict[str, str] | None = None) -> Ended:
        return telexec("env", "explain", *arguments, env={"TELEXEC_URL": self.url, **(env or {})})

    def diff(self, *arguments: str) -> Ended:
        return telexec("env", "diff", *arguments, env={"TELEXEC_URL": self.url})


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RuledHost]:
    """Return a host with the rules and the variables above; the tests share it."""
    with (
        running_service(
            tmp_path_factory.mktemp("ruled"), config=CONFIG, env=ENVIRONMENT
        ) as service,
        running_service(tmp_path_factory.mktemp("plain")) as plain,
    ):
        yield RuledHost(service.url, plain.url)


def lines(ended: Ended, exit_code: int = 0) -> list[list[str]]:
    """Return the words of each line of a table that came without errors."""
    assert (ended.exit_code, ended.stderr) == (exit_code, b"")
    return [line.split(maxsplit=2) for line in ended.stdout.decode().splitlines()]


def test_every_variable_has_its_origin_and_every_other_one_its_rule(ruled: RuledHost) -> None:
    found = lines(ruled.explain("-e", "ASKED=1", "--unset", "LANG"))
    for line in (
        ["ASKED", "overlay"],
        ["CI", "profile"],
        ["HOME", "host"],
        ["AWS_SECRET_ACCESS_KEY", "hidden", "@credentials *ACCESS_KEY*"],
        ["BOARD_TOKENS", "default", "exclude *TOKEN*"],
        ["LANG", "unset"],
        ["TZ", "exclude", "TZ*"],
    ):
        assert line in found


@pytest.mark.parametrize(
    "options",
    [[], ["--profile", "bare"], ["--inherit", "none"], ["-e", "A=1", "--unset", "LANG"]],
    ids=" ".join,
)
def test_what_is_explained_is_what_a_process_gets(ruled: RuledHost, options: list[str]) -> None:
    ended = ruled.explain(*options, "--values", "--json")
    assert (ended.exit_code, ended.stderr) == (0, b"")
    explained = {one["name"]: one["value"] for one in json.loads(ended.stdout)["variables"]}
    ran = telexec("run", "--url", ruled.url, *options, "--", *programs.print_environment())
    assert ran.exit_code == 0
    pairs = (entry.partition("=") for entry in ran.stdout.decode().split("\0") if entry)
    assert explained == {name: value for name, _, value in pairs}


def test_a_refused_name_is_1_and_comes_with_its_rule_and_with_what_is_taken(
    ruled: RuledHost,
) -> None:
    ended = ruled.explain("-e", "LD_PRELOAD=x", "-e", "HOME=/mine")
    found = lines(ended, exit_code=1)
    assert ["LD_PRELOAD", "deny", "@loader LD_*"] in found
    assert ["HOME", "fixed", "HOME"] in found
    assert b"A request may touch any name" in ended.stdout


def test_values_are_shown_on_request_only_and_secrets_never(ruled: RuledHost) -> None:
    silent = ruled.explain().stdout
    asked = ruled.explain("--values", "-e", f"MY_TOKEN={SECRET}")
    assert b"UTC" not in silent
    assert b"/bin" not in silent
    assert ["MY_TOKEN", "overlay", "(not shown)"] in lines(asked)
    everything = ruled.explain("--values", "--json", "--inherit", "all").stdout
    assert SECRET.encode() not in silent + asked.stdout + everything


@pytest.mark.parametrize("columns", [40, 80, 132])
def test_tables_fit_the_terminal_and_send_it_no_commands(ruled: RuledHost, columns: int) -> None:
    ended = ruled.explain("--values", env={"COLUMNS": str(columns)})
    text = ended.stdout.decode()
    assert max(map(len, text.splitlines())) == columns
    assert r"a\x1b[31mb\nc" in text
    assert "\x1b" not in text


def test_json_cuts_nothing(ruled: RuledHost) -> None:
    ended = ruled.explain("--values", "--json")
    assert (ended.exit_code, ended.stderr) == (0, b"")
    variables = json.loads(ended.stdout)["variables"]
    assert {"name": "LONG", "origin": "host", "value": ENVIRONMENT["LONG"]} in variables
    assert {"name": "ODD", "origin": "host", "value": ENVIRONMENT["ODD"]} in variables


def test_the_embedded_host_gives_what_is_asked_for_and_nothing_else() -> None:
    ended = telexec("env", "explain", "-e", "A=1", env={"MINE": "x", "HOME": "/mine"})
    assert lines(ended)[2:] == [["VARIABLE", "ORIGIN"], ["A", "overlay"]]


def test_profiles_of_a_host_are_compared(ruled: RuledHost) -> None:
    found = lines(ruled.diff("default", "bare"), exit_code=1)
    assert ["-", "CI", "profile"] in found
    assert ["+", "CI", "profile"] not in found
    assert ["-", "TZ", "dropped  exclude TZ*"] in found
    assert ["+", "TZ", "dropped  inherit core"] in found


def test_hosts_are_compared_and_their_values_only_on_request(ruled: RuledHost) -> None:
    urls = [ruled.url, ruled.plain_url]
    assert b" PATH " not in ruled.diff(*urls).stdout
    homes = [line for line in lines(ruled.diff(*urls), exit_code=1) if line[1:2] == ["HOME"]]
    assert homes == []
    valued = lines(ruled.diff(*urls, "--values"), exit_code=1)
    homes = [line for line in valued if line[1:2] == ["HOME"]]
    assert [line[0] for line in homes] == ["-", "+"]


def test_what_one_host_refuses_and_the_other_takes_is_a_difference(ruled: RuledHost) -> None:
    found = lines(ruled.diff(ruled.url, ruled.plain_url, "-e", "HOME=/x"), exit_code=1)
    assert ["-", "HOME", "refused  fixed HOME"] in found
    assert ["+", "HOME", "overlay"] in found


def test_each_host_gets_its_own_token_only(
    ruled: RuledHost, tokened_service: Server, token_file: Path
) -> None:
    own, token = tokened_service.url, str(token_file)
    assert telexec("env", "diff", own, own, "--token-file", token).exit_code == 0
    other = telexec("env", "diff", own, ruled.url, "--token-file", token)
    assert (other.exit_code, other.stderr) == (1, b"")
    for options, exit_code in ([], 125), (["--token-file-b", token], 1):
        assert telexec("env", "diff", ruled.url, own, *options).exit_code == exit_code
    # It is not B's, although B wants one.
    assert telexec("env", "diff", ruled.url, own, "--token-file", token).exit_code == 125


def test_no_difference_is_0(ruled: RuledHost) -> None:
    ended = ruled.diff("bare", "bare", "--json")
    assert (ended.exit_code, ended.stderr) == (0, b"")
    assert json.loads(ended.stdout)["differences"] == []


@pytest.mark.parametrize("command", ["explain", "run"])
def test_a_misspelt_profile_names_those_that_there_are(ruled: RuledHost, command: str) -> None:
    program = ["--", *programs.succeed()] if command == "run" else []
    argv = ["run"] if command == "run" else ["env", command]
    ended = telexec(*argv, "--url", ruled.url, "--profile", "bear", *program)
    assert (ended.exit_code, ended.stdout) == (125, b"")
    assert ended.stderr.startswith(b"telexec: cannot ")
    assert ended.stderr.count(b"\n") == 1
    for name in (b"bear", b"default", b"bare"):
        assert name in ended.stderr


def test_a_message_sends_the_terminal_no_commands() -> None:
    ended = telexec("env", "explain", "-e", "\x1b]0;title\x07")
    assert ended.exit_code == 125
    assert rb"\x1b]0;title\x07" in ended.stderr
    assert b"\x1b" not in ended.stderr


@pytest.mark.codex
def test_a_plain_host_explains_nothing_and_says_so(exec_server: Server) -> None:
    for arguments in (["explain"], ["diff", exec_server.url, exec_server.url]):
        ended = telexec("env", *arguments, env={"TELEXEC_URL": exec_server.url})
        assert (ended.exit_code, ended.stdout) == (125, b"")
        assert ended.stderr.startswith(b"telexec: cannot ")
        assert ended.stderr.count(b"\n") == 1


def test_run_uses_the_profile_that_it_is_told(ruled: RuledHost) -> None:
    ended = telexec(
        *("run", "--url", ruled.url, "--profile", "bare", "-e", "A=1", "--"),
        *programs.print_environment(),
    )
    names = {entry.partition(b"=")[0] for entry in ended.stdout.split(b"\0") if entry}
    assert names == {b"PATH", b"HOME", b"LANG", b"A"}


@pytest.mark.parametrize(
    ("arguments", "mention"),
    [
        (["explain", "--profile", "ci", "--inherit", "all"], "--profile"),
        (["explain", "-e", "=x"], "'=x'"),
        (["explain", "--url", "nonsense"], "nonsense"),
        (["explain", "surplus"], "surplus"),
        (["diff", "default"], "'B'"),
        (["diff", "default", "default", "--profile", "x"], "--profile"),
        (["frobnicate"], "frobnicate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_argument_is_named(arguments: list[str], mention: str) -> None:
    ended = telexec("env", *arguments)
    assert (ended.exit_code, ended.stdout) == (125, b"")
    assert ended.stderr.startswith(b"telexec: cannot ")
    assert ended.stderr.count(b"\n") == 1
    assert mention.encode() in ended.stderr


def test_a_reader_that_has_seen_enough_is_no_failure_of_ours(ruled: RuledHost) -> None:
    with running(["env", "explain", "--url", ruled.url]) as command:
        command.close_stdout()
        ended = command.ended()
    assert (ended.exit_code, ended.stderr) == (141, b"")


@pytest.mark.parametrize("command", [[], ["explain"], ["diff"]], ids=" ".join)
def test_help_fits_a_terminal_and_imports_nothing_that_it_does_not_need(command: list[str]) -> None:
    ended = telexec(
        "env", *command, "--help", env={"COLUMNS": "80", "PYTHONPROFILEIMPORTTIME": "1"}
    )
    assert ended.exit_code == 0
    assert max(map(len, ended.stdout.decode().splitlines())) <= 80
    imported = {line.rsplit(b"|", 1)[-1].strip() for line in ended.stderr.splitlines()}
    assert b"click" in imported
    assert not imported & {b"asyncio", b"websockets", b"msgspec", b"telexec_schemas.methods"}
