"""What the service takes for its environment, and what it leaves of it for others to read."""

import subprocess
import sys

import pytest

TAKE = """
import os, sys
from telexec_service.own_environment import take_own_environment

own = take_own_environment()
with open("/proc/self/environ", "rb") as file:
    sys.stdout.buffer.write(file.read().strip(b"\\0") + b"\\n")
sys.stdout.buffer.write(repr((own, os.environ.get("A"))).encode())
"""


def taken(*settings: bytes) -> tuple[bytes, dict[str, str], str | None]:
    """Return what `/proc` still shows, what was taken and what `getenv` says of `A`."""
    done = subprocess.run(
        # env(1) sets what it is told to, also what no shell would.
        ["/usr/bin/env", "-i", *settings, sys.executable, "-c", TAKE],
        capture_output=True,
        check=True,
        env={},
    )
    shown, _, result = done.stdout.partition(b"\n")
    own, a = eval(result)
    return shown, own, a


def test_it_is_taken_as_it_is_and_nothing_of_it_is_left_to_see() -> None:
    shown, own, a = taken(b"A=secret", b"BYTES=\xff\xe4", b"EMPTY=", b"EQ=a=b", b"LANG=C.UTF-8")

    assert own == {
        "A": "secret",
        "BYTES": "\udcff\udce4",
        "EMPTY": "",
        "EQ": "a=b",
        "LANG": "C.UTF-8",
    }
    assert a == "secret"
    assert shown == b""


@pytest.mark.parametrize("settings", [(), (b"LANG=C",), (b"LC_CTYPE=POSIX", b"A=1")])
def test_what_python_adds_for_itself_is_not_the_hosts(settings: tuple[bytes, ...]) -> None:
    own = taken(*settings)[1]

    assert own == dict(setting.decode().split("=", 1) for setting in settings)
