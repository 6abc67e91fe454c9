import json

from telexec_client.cli.hosts import Hosts
from telexec_client.cli.hosts_report import HostCheck, hosts_json, hosts_text
from telexec_client.cli.request import Target
from telexec_client.errors import HostUnreachableError

HOME = "/home/me"
PATH = "/home/me/.config/telexec/hosts.toml"
HOSTS = Hosts(
    PATH,
    targets={
        "build1": Target("wss://build1:7333", "/home/me/token", "/etc/ca.pem", "build1"),
        "here": Target("unix:/run/telexec.sock", name="here"),
    },
    default="build1",
)
CHECKS = {
    "build1": HostCheck(server="telexec 1.2", connect_s=0.0123),
    "here": HostCheck(error=HostUnreachableError("unix:/run/telexec.sock", "nobody listens")),
}


def test_the_table_says_what_is_used_and_which_is_the_default() -> None:
    assert hosts_text(HOSTS, None, home=HOME, width=80).splitlines() == [
        "HOST              URL                     USES",
        "build1 (default)  wss://build1:7333       token ~/token, CA /etc/ca.pem",
        "here              unix:/run/telexec.sock  no token",
    ]


def test_asked_hosts_say_who_they_are_or_why_not() -> None:
    assert hosts_text(HOSTS, CHECKS, home=HOME, width=80).splitlines() == [
        "HOST              URL                     ANSWER",
        "build1 (default)  wss://build1:7333       yes, telexec 1.2, in 12 ms",
        "here              unix:/run/telexec.sock  no: cannot reach",
        "                                          unix:/run/telexec.sock: nobody listens",
    ]


def test_without_hosts_it_is_said_where_to_write_one() -> None:
    for hosts, why in ((Hosts(PATH, is_there=False), "is not there"), (Hosts(PATH), "names no")):
        text = hosts_text(hosts, None, home=HOME, width=80)
        assert text.startswith(f"~/.config/telexec/hosts.toml {why}")
        assert "[hosts.build1]" in text


def test_json_has_whole_paths_and_the_kinds_of_errors() -> None:
    content = json.loads(hosts_json(HOSTS, CHECKS))
    assert (content["file"], content["default"]) == (PATH, "build1")
    build1, here = content["hosts"]
    assert build1 == {
        "name": "build1",
        "url": "wss://build1:7333",
        "tokenFile": "/home/me/token",
        "caFile": "/etc/ca.pem",
        "check": {"ok": True, "server": "telexec 1.2", "connectMs": 12.3, "error": None},
    }
    assert (here["check"]["ok"], here["check"]["error"]["type"]) == (False, "HostUnreachableError")
    assert "check" not in json.loads(hosts_json(HOSTS, None))["hosts"][0]
