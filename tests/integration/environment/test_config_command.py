"""`telexec-service config` as an operator uses it, and what the service says of a bad file."""

import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.harness.deadline import DEADLINE_S
from tests.harness.raw_peer import raw_peer
from tests.harness.server import minimal_environment
from tests.harness.service import running_service, service_argv
from tests.integration.environment.reporters import environment_of

COMMAND = service_argv("")[:3]

Ended = subprocess.CompletedProcess[str]


def command(
    directory: Path,
    *arguments: str,
    config: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command of the service, on this configuration file if there is one."""
    file: list[str] = []
    if config is not None:
        (directory / "telexec.toml").write_text(config)
        file = ["--config", str(directory / "telexec.toml")]
    return subprocess.run(
        [*COMMAND, *arguments, *file],
        capture_output=True,
        check=False,
        env=minimal_environment(directory) | dict(env or {}),
        cwd=directory,
        text=True,
        timeout=DEADLINE_S,
    )


def shown(ended: Ended) -> dict[str, dict[str, object]]:
    """Return the TOML that `config show` printed."""
    assert (ended.returncode, ended.stderr) == (0, "")
    return tomllib.loads(ended.stdout)


def test_what_init_prints_is_a_file_that_says_what_holds_without_one(tmp_path: Path) -> None:
    template = command(tmp_path, "config", "init")
    assert (template.returncode, template.stderr) == (0, "")

    checked = command(tmp_path, "config", "check", config=template.stdout)
    of_template = shown(command(tmp_path, "config", "show", config=template.stdout))
    of_nothing = shown(command(tmp_path, "config", "show", config=""))

    assert (checked.returncode, checked.stdout) == (0, "the configuration is in order\n")
    assert of_template == of_nothing


def test_what_show_prints_is_itself_a_file_that_says_the_same(tmp_path: Path) -> None:
    config = (
        "[sessions]\nlease_s = 2\n[env]\nhide = []\ninclude_only = ['A*']\n"
        '[env.overlay]\npath_prepend = ["/opt"]\n[env.profiles."two words".set]\nA = "ä\\n☃"\n'
    )

    first = command(tmp_path, "config", "show", config=config)
    second = command(tmp_path, "config", "show", config=first.stdout)

    assert shown(first) == shown(second)
    assert first.stdout == second.stdout
    assert shown(first)["sessions"]["lease_s"] == 2


def test_show_tells_what_is_in_force_after_flags_and_variables(tmp_path: Path) -> None:
    in_force = shown(
        command(
            tmp_path,
            "--listen=unix:flag",
            "config",
            "show",
            "--plaintext",
            config='[service]\nlisten = "unix:file"\nlog_level = "error"\ntoken_file = "file"\n',
            env={"TELEXEC_LISTEN": "unix:variable", "TELEXEC_TOKEN_FILE": "variable"},
        )
    )["service"]

    assert in_force == {
        "allowed_hosts": [],
        "listen": "unix:flag",
        "token_file": "variable",
        "no_auth": False,
        "plaintext": True,
        "debuggable": False,
        "log_level": "error",
        "workers": 1,
    }


@pytest.mark.parametrize("place", ["env.set", "env.profiles.ci.set"])
def test_show_never_shows_a_secret_that_the_host_sets(tmp_path: Path, place: str) -> None:
    names = ["DEPLOY_TOKEN", "api_key", "My_Password", "SIGNING_KEY_PEM", "MYSQL_PWD"]
    config = f"[{place}]\n" + "".join(f'{name} = "s3cret"\n' for name in names) + 'CI = "1"\n'

    ended = command(tmp_path, "config", "show", config=config)

    assert "s3cret" not in ended.stdout
    table: object = shown(ended)
    for key in place.split("."):
        assert isinstance(table, dict)
        table = table[key]
    assert table == dict.fromkeys(names, "(not shown)") | {"CI": "1"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            "[env.overlay]\nallows = []\n",
            "unknown key 'allows' in [env.overlay]: did you mean allow?",
        ),
        ("[enw]\n", "unknown key 'enw' in the file: did you mean env?"),
        ('[env]\nhide = ["@credential"]\n', "env.hide: unknown class @credential: did you mean"),
        ("[env.profiles.default]\n", "[env.profiles.default]: 'default' is the policy of [env]"),
        ("[limits]\nmax_frame_bytes = -1\n", "`$.limits.max_frame_bytes`"),
        ("[env]\ninherit = 'some'\n", "`$.env.inherit`"),
        ("[env.requests]\nexact = 'yes'\n", "`$.env.requests.exact`"),
        ("[env\n", "line 1"),
    ],
)
@pytest.mark.parametrize("arguments", [["config", "check"], ["config", "show"], ["--no-auth"]])
def test_a_file_that_cannot_be_used_is_one_line_with_the_place(
    tmp_path: Path, arguments: list[str], config: str, said: str
) -> None:
    ended = command(tmp_path, *arguments, config=config)

    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("telexec-service: cannot ")
    assert said in line
    if not said.startswith(("env.", "[env.")):
        assert str(tmp_path / "telexec.toml") in line


@pytest.mark.parametrize("listen", ["ftp://x", "ws://0.0.0.0:0"])
@pytest.mark.parametrize("arguments", [["config", "check"], []])
def test_an_address_that_cannot_be_served_on_is_no_configuration(
    tmp_path: Path, arguments: list[str], listen: str
) -> None:
    ended = command(tmp_path, *arguments, config=f'[service]\nlisten = "{listen}"\n')

    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("telexec-service: cannot listen on ")
    assert listen in line


def test_a_value_that_is_wrong_is_not_shown_where_it_may_be_a_secret(tmp_path: Path) -> None:
    config = '[env.set]\nDEPLOY_TOKEN = ["s3cret"]\n'

    ended = command(tmp_path, "config", "check", config=config)

    assert ended.returncode == 1
    assert "s3cret" not in ended.stderr


@pytest.mark.parametrize("arguments", [["--lisen", "ws://127.0.0.1:0"], ["--lisen=stdio"]])
def test_a_misspelt_flag_is_named_and_not_its_value(tmp_path: Path, arguments: list[str]) -> None:
    ended = command(tmp_path, *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "unknown flag --lisen: did you mean --listen?" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["config"], ["config", "chek"], ["config", "init", "x"]])
def test_a_command_that_is_not_there_is_a_mistake_of_usage(
    tmp_path: Path, arguments: list[str]
) -> None:
    ended = command(tmp_path, *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")


async def test_what_variables_say_reaches_a_service_and_none_of_its_children(
    tmp_path: Path,
) -> None:
    config = tmp_path / "named.toml"
    config.write_text('[service]\nno_auth = true\n[env.profiles.ci.set]\nCI = "1"\n')
    env = {"TELEXEC_CONFIG": str(config), "TELEXEC_LOG_LEVEL": "error"}

    with running_service(tmp_path, guarded=None, env=env) as server:
        async with raw_peer(server.url) as peer:
            seen = await environment_of(peer, envProfile="ci")
            assert peer.extensions is not None
            assert peer.extensions["envProfiles"] == ["default", "ci"]
        assert server.log() == ""
    assert seen["CI"] == "1"
    assert not any(name.startswith("TELEXEC_") for name in seen)
