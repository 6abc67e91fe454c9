import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.cli.hosts import (
    EMBEDDED,
    Hosts,
    HostUnknownError,
    InvalidHostsError,
    parse_hosts,
)
from telexec_client.cli.request import Target

PATH = "/home/me/.config/telexec/hosts.toml"
HOME = "/home/me"


def parsed(text: str) -> Hosts:
    return parse_hosts(text.encode(), PATH, home=HOME)


def test_a_host_has_a_url_and_what_it_takes_to_connect() -> None:
    hosts = parsed(
        """
        default = "build1"
        [hosts.build1]
        url = "wss://build1:7333"
        token_file = "/etc/token"
        ca_file = "/etc/ca.pem"
        [hosts.plain]
        url = "ws://127.0.0.1:1"
        """
    )
    assert hosts.named("build1") == Target(
        "wss://build1:7333", "/etc/token", "/etc/ca.pem", "build1"
    )
    assert hosts.named("plain") == Target("ws://127.0.0.1:1", None, None, "plain")
    assert (list(hosts.targets), hosts.default) == (["build1", "plain"], "build1")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("token", "/home/me/.config/telexec/token"),
        ("../token", "/home/me/.config/telexec/../token"),
        ("~/token", "/home/me/token"),
        ("/token", "/token"),
    ],
)
def test_paths_start_at_the_file_or_at_home(written: str, meant: str) -> None:
    hosts = parsed(f'[hosts.a]\nurl = "wss://a"\ntoken_file = "{written}"\nca_file = "{written}"')
    assert hosts.named("a") == Target("wss://a", meant, meant, "a")
    assert parsed(f'[hosts.a]\nurl = "unix:{written}"').named("a").url == f"unix:{meant}"


def test_the_embedded_host_has_a_name_without_any_file() -> None:
    assert Hosts(PATH, is_there=False).named(EMBEDDED) == Target(name=EMBEDDED)
    assert parsed(f'default = "{EMBEDDED}"').default == EMBEDDED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[hosts.a\n", "it is not TOML: .*line 1"),
        ('defautl = "a"', "unknown key 'defautl' in the file: did you mean default?"),
        ('default = "a"', "default is 'a', which is none of embedded"),
        ("default = 1", "default: Expected `str"),
        ("hosts = []", "hosts: Expected `object`"),
        ("[hosts.a]", r"\[hosts.a\]: it has no url; write url = "),
        ("[hosts.a]\nurl = 1", r"\[hosts.a\]: url: Expected `str`, got `int`"),
        ('[hosts.a]\nurl = "http://a"', r"\[hosts.a\]: cannot use the URL: 'http://a' is not one"),
        (
            '[hosts.a]\nurl = "ws://a"\ntoken = "x"',
            "'token' in .hosts.a.: did you mean token_file?",
        ),
        ('[hosts.a]\nurl = "ws://a"\nca_file = "x"', r"\[hosts.a\]: ca_file is for a url of wss:"),
        (
            '[hosts.a]\nurl = "ws://a"\ntoken_file = ""',
            r"\[hosts.a\]: '' is not the path of a file",
        ),
        ('[hosts.a]\nurl = "ws://a"\ntoken_file = "~you/x"', "write the whole path"),
        ('[hosts.a.b]\nurl = "ws://a"', r'written in quotes: \[hosts."a.b"\]'),
        ('[hosts.embedded]\nurl = "ws://a"', "the name of the host on this machine"),
        ('[hosts."a b"]\nurl = "ws://a"', "has no name for a host"),
        ("a = " + "[" * 20_000, "it is nested too deeply|it is not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, why: str) -> None:
    with pytest.raises(InvalidHostsError, match=why) as raised:
        parsed(text)
    assert str(raised.value).startswith(f"cannot use the hosts in {PATH}: ")


def test_bytes_that_are_no_text_are_named_with_their_line() -> None:
    with pytest.raises(InvalidHostsError, match="line 2 is not UTF-8"):
        parse_hosts(b"# a\n# \xff\n", PATH, home=HOME)


def test_an_unknown_host_is_an_error_that_says_which_there_are() -> None:
    hosts = parsed('[hosts.build1]\nurl = "ws://a"\n[hosts.web]\nurl = "ws://b"')
    known = re.escape(f"known are build1, web, embedded ({PATH})")
    with pytest.raises(HostUnknownError, match=rf"'buidl1': did you mean build1\? {known}"):
        hosts.named("buidl1")
    with pytest.raises(HostUnknownError, match=f"'x': {known}"):
        hosts.named("x")
    with pytest.raises(HostUnknownError, match=f"there is no file {PATH}"):
        Hosts(PATH, is_there=False).named("x")


def test_of_many_hosts_an_error_lists_some() -> None:
    hosts = parsed("\n".join(f'[hosts.h{n}]\nurl = "ws://a"' for n in range(1000)))
    with pytest.raises(HostUnknownError) as raised:
        hosts.named("x")
    assert "h19 and 981 more" in str(raised.value)
    assert "h20" not in str(raised.value)


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_file_names_hosts_or_is_refused(content: bytes) -> None:
    try:
        hosts = parse_hosts(content, PATH, home=HOME)
    except InvalidHostsError:
        return
    assert all(target.url for target in hosts.targets.values())
