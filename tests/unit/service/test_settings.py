from pathlib import Path

import pytest

from telexec_service.command_line import make_parser
from telexec_service.config import Config, ConfigError, Service
from telexec_service.settings import read_config, service_options
from telexec_service.transport.address import ListenError

KEYS = {
    "listen": ("ws://127.0.0.1:1", "ws://127.0.0.1:2", "ws://127.0.0.1:3"),
    "tls_cert": ("/cert/of/the/file", "/cert/of/the/variable", "/cert/of/the/flag"),
    "tls_key": ("/key/of/the/file", "/key/of/the/variable", "/key/of/the/flag"),
    "token_file": ("/of/the/file", "/of/the/variable", "/of/the/flag"),
    "log_level": ("warning", "error", "debug"),
    "metrics_token_file": ("/of/the/file", "/of/the/variable", "/of/the/flag"),
    "audit_log": ("/of/the/file", "/of/the/variable", "/of/the/flag"),
}
"""What each level says of a key with a value: the file, the variable, the flag."""

SWITCHES = ("no_auth", "plaintext", "debuggable")


def settled(
    tmp_path: Path, file: str = "", environ: dict[str, str] | None = None, *flags: str
) -> Service:
    """Return what is in force."""
    path = tmp_path / "config.toml"
    path.write_text(f"[service]\n{file}\n")
    parsed = make_parser().parse_args(["--config", str(path), *flags])
    return read_config(parsed, environ or {}).service


def flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def variable(key: str) -> str:
    return f"TELEXEC_{key.upper()}"


def test_every_key_of_the_service_is_tried_here() -> None:
    assert {*KEYS, *SWITCHES, "allowed_hosts", "workers"} == set(Service.__struct_fields__)


@pytest.mark.parametrize("key", KEYS)
def test_a_flag_wins_over_its_variable_which_wins_over_the_file(tmp_path: Path, key: str) -> None:
    in_file, in_variable, in_flag = KEYS[key]
    file, environ = f'{key} = "{in_file}"', {variable(key): in_variable}

    assert getattr(settled(tmp_path, file, environ, flag(key), in_flag), key) == in_flag
    assert getattr(settled(tmp_path, file, environ), key) == in_variable
    assert getattr(settled(tmp_path, file), key) == in_file
    assert getattr(settled(tmp_path), key) == getattr(Config().service, key)


def test_the_number_of_workers_is_said_by_each_level_and_the_nearer_one_wins(
    tmp_path: Path,
) -> None:
    variable = {"TELEXEC_WORKERS": "3"}
    assert settled(tmp_path, "workers = 2", variable, "--workers", "4").workers == 4
    assert settled(tmp_path, "workers = 2", variable).workers == 3
    assert settled(tmp_path, "workers = 2").workers == 2
    assert settled(tmp_path).workers == 1


@pytest.mark.parametrize("count", ["0", "65", "many", "-1", ""])
def test_an_impossible_number_of_workers_is_refused(tmp_path: Path, count: str) -> None:
    with pytest.raises(ConfigError, match="cannot use TELEXEC_WORKERS"):
        settled(tmp_path, "", {"TELEXEC_WORKERS": count})


@pytest.mark.parametrize("key", SWITCHES)
def test_a_switch_is_on_by_flag_variable_or_file_and_the_nearer_one_wins(
    tmp_path: Path, key: str
) -> None:
    on, off = {variable(key): "1"}, {variable(key): "0"}

    assert getattr(settled(tmp_path, "", off, flag(key)), key) is True
    assert getattr(settled(tmp_path, f"{key} = false", on), key) is True
    assert getattr(settled(tmp_path, f"{key} = true", off), key) is False
    assert getattr(settled(tmp_path, f"{key} = true"), key) is True
    assert getattr(settled(tmp_path), key) is False


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *((word, True) for word in ("1", "true", "TRUE", "yes", "on", " On ")),
        *((word, False) for word in ("", "0", "false", "False", "no", "off")),
    ],
)
def test_a_switch_in_a_variable_is_said_in_the_usual_words(
    tmp_path: Path, word: str, value: bool
) -> None:
    assert settled(tmp_path, "", {"TELEXEC_NO_AUTH": word}).no_auth is value


def test_another_word_for_a_switch_is_refused_with_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot use TELEXEC_NO_AUTH: 'maybe'"):
        settled(tmp_path, "", {"TELEXEC_NO_AUTH": "maybe"})


def test_a_bad_value_in_a_variable_is_refused_with_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot use TELEXEC_LOG_LEVEL: .*'loud'"):
        settled(tmp_path, "", {"TELEXEC_LOG_LEVEL": "loud"})


def test_a_token_on_a_nearer_level_brings_the_door_back(tmp_path: Path) -> None:
    open_door, token = {"TELEXEC_NO_AUTH": "1"}, {"TELEXEC_TOKEN_FILE": "/t"}

    for service in (
        settled(tmp_path, "no_auth = true", token),
        settled(tmp_path, "", open_door, "--token-file", "/t"),
        settled(tmp_path, "no_auth = true", None, "--token-file", "/t"),
    ):
        assert (service.token_file, service.no_auth) == ("/t", False)


def test_an_open_door_on_a_nearer_level_needs_no_token(tmp_path: Path) -> None:
    service = settled(tmp_path, 'token_file = "/t"', {"TELEXEC_TOKEN_FILE": "/u"}, "--no-auth")

    assert (service.token_file, service.no_auth) == (None, True)


def test_a_switch_that_is_off_leaves_the_token_of_the_file(tmp_path: Path) -> None:
    service = settled(tmp_path, 'token_file = "/t"', {"TELEXEC_NO_AUTH": "0"})

    assert (service.token_file, service.no_auth) == ("/t", False)


@pytest.mark.parametrize(
    ("file", "environ"),
    [
        ('token_file = "/t"\nno_auth = true', {}),
        ("", {"TELEXEC_TOKEN_FILE": "/t", "TELEXEC_NO_AUTH": "1"}),
    ],
    ids=["file", "variables"],
)
def test_a_token_and_an_open_door_on_one_level_are_refused(
    tmp_path: Path, file: str, environ: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match=r"no_auth.*token_file"):
        settled(tmp_path, file, environ)


@pytest.mark.parametrize("listen", ["ws://127.0.0.1:1", "unix:/x", "stdio"])
def test_a_nearer_address_without_tls_needs_no_certificate(tmp_path: Path, listen: str) -> None:
    file = 'listen = "wss://127.0.0.1:1"\ntls_cert = "/c"\ntls_key = "/k"'

    service = settled(tmp_path, file, None, "--listen", listen)

    assert (service.tls_cert, service.tls_key) == (None, None)


def test_a_nearer_certificate_brings_its_own_key(tmp_path: Path) -> None:
    file = 'listen = "wss://127.0.0.1:1"\ntls_cert = "/c"\ntls_key = "/k"'

    alone = settled(tmp_path, file, None, "--tls-cert", "/both")
    other_port = settled(tmp_path, file, None, "--listen", "wss://127.0.0.1:2")

    assert (alone.tls_cert, alone.tls_key) == ("/both", None)
    assert (other_port.tls_cert, other_port.tls_key) == ("/c", "/k")


def test_names_of_the_host_are_a_list_a_flag_each_or_with_commas_in_the_variable(
    tmp_path: Path,
) -> None:
    file, environ = 'allowed_hosts = ["a"]', {"TELEXEC_ALLOWED_HOSTS": "b, c,d"}
    flags = ["--allow-host", "e", "--allow-host", "f"]

    assert settled(tmp_path, file, environ, *flags).allowed_hosts == ["e", "f"]
    assert settled(tmp_path, file, environ).allowed_hosts == ["b", "c", "d"]
    assert list(settled(tmp_path, file).allowed_hosts) == ["a"]
    assert list(settled(tmp_path).allowed_hosts) == []


LISTENS = (
    "ws://127.0.0.1:1",
    "wss://127.0.0.1:1",
    "ws://0.0.0.0:1",
    "wss://0.0.0.0:1",
    "unix:/x",
    "stdio",
)


def refusal(service: Service) -> str | None:
    """Return why a service may not be, by the rules of docs/service.md."""
    is_secure = service.listen.startswith("wss:")
    if is_secure and service.tls_cert is None:
        return "without a certificate"
    if service.tls_cert is not None and not is_secure:
        return "cannot use a certificate"
    if "0.0.0.0" in service.listen:
        if service.no_auth:
            return "without a token"
        if not is_secure and not service.plaintext:
            return "without encryption"
    return None


@pytest.mark.parametrize("plaintext", [False, True], ids=["", "plaintext"])
@pytest.mark.parametrize("tls_cert", [None, "/cert"], ids=["", "certificate"])
@pytest.mark.parametrize("no_auth", [False, True], ids=["token", "open"])
@pytest.mark.parametrize("listen", LISTENS)
def test_where_and_for_whom_to_listen_must_make_sense(
    listen: str, no_auth: bool, tls_cert: str | None, plaintext: bool
) -> None:
    service = Service(listen=listen, no_auth=no_auth, tls_cert=tls_cert, plaintext=plaintext)
    why = refusal(service)
    if why is not None:
        with pytest.raises(ListenError, match=f"^cannot .*{why}|^{why}"):
            service_options(Config(service=service))
        return
    options = service_options(Config(service=service))
    assert (options.token_file is None) is (no_auth or listen == "stdio")
    assert (options.certificate_files is not None) is listen.startswith("wss:")


def test_a_key_without_a_certificate_is_refused() -> None:
    for listen in ("ws://127.0.0.1:1", "wss://127.0.0.1:1"):
        with pytest.raises(ListenError, match="--tls-cert"):
            service_options(Config(service=Service(listen=listen, tls_key="/k")))


@pytest.mark.parametrize("name", ["build1:7333", "https://build1", "*"])
def test_what_is_no_name_of_a_host_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot allow the host"):
        service_options(Config(service=Service(allowed_hosts=[name])))


def test_the_file_may_be_named_by_a_variable_and_a_flag_wins(tmp_path: Path) -> None:
    for name in ("by_variable", "by_flag"):
        (tmp_path / name).write_text(f'[service]\nlisten = "unix:/{name}"\n')
    environ = {"TELEXEC_CONFIG": str(tmp_path / "by_variable")}
    parser = make_parser()

    by_variable = read_config(parser.parse_args([]), environ)
    by_flag = read_config(parser.parse_args(["--config", str(tmp_path / "by_flag")]), environ)

    assert by_variable.service.listen == "unix:/by_variable"
    assert by_flag.service.listen == "unix:/by_flag"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[env.overlay]\ndeny = ["@loder"]', r"env\.overlay\.deny: .*@loder.* mean @loader\?"),
        (
            '[env]\nhide = ["@nothing like it"]',
            r"env\.hide: .*known are @service, @systemd, @credentials",
        ),
        ('[env.overlay]\nallow = ["@x"]\nfixed = ["@y"]', r"overlay\.allow.*overlay\.fixed"),
        ("[env.profiles.default]", r"\[env\.profiles\.default\]: 'default' is the policy of"),
        ('[env.set]\n"A=B" = "x"', r"env\.set: 'A=B' is invalid"),
        ('[env.profiles.ci.set]\nTELEXEC_X = "1"', r"env\.profiles\.ci\.set: .* is hidden"),
        ('[env.overlay]\npath_prepend = ["opt"]', r"path_prepend: 'opt' is not one absolute"),
        ('[env.overlay]\npath_prepend = ["/a:/b"]', r"path_prepend: '/a:/b' is not one absolute"),
    ],
)
def test_a_contract_that_makes_no_sense_is_refused_with_the_place(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=said):
        read_config(make_parser().parse_args(["--config", str(file)]), {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("leas_s = 2", r"unknown key 'leas_s' in the file: known are service, limits"),
        ("[sesions]", r"unknown key 'sesions' in the file: did you mean sessions\?"),
        ("[sessions]\nleas_s = 2", r"unknown key 'leas_s' in \[sessions\]: .*lease_s\?"),
        ("[env.overlay]\ndeni = []", r"unknown key 'deni' in \[env\.overlay\]: .*deny\?"),
        (
            "[env.profiles.ci]\nexlude = []",
            r"unknown key 'exlude' in \[env\.profiles\.ci\]: did you mean exclude\?",
        ),
        (
            "[env.requests]\nx = 1\n[env]\ny = 2",
            r"'x' in \[env\.requests\].*'y' in \[env\]|'y'.*'x'",
        ),
    ],
)
def test_an_unknown_key_is_named_with_its_place_and_the_nearest_known_one(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=said):
        read_config(make_parser().parse_args(["--config", str(file)]), {})
