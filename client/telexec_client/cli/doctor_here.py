"""What `telexec doctor` finds out about this machine."""

import asyncio
import locale
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version

from telexec_client import TelexecError, connect
from telexec_client.cli.doctor_report import Finding
from telexec_client.cli.errors import CommandError
from telexec_client.cli.hosts_file import read_hosts
from telexec_client.cli.state_file import StateFileError, state_file
from telexec_client.errors import EmbeddedHostUnavailableError
from telexec_schemas.lifecycle import EXTENSION_VERSION

EMBEDDED_TIMEOUT_S = 10.0
"""How long the embedded host may take to run `true`."""

_STDOUT = 1
_LIBRARIES = ("msgspec", "websockets", "click")


def findings_here() -> Iterator[Finding]:
    """Yield what there is to say of this machine; the embedded host is started and ended."""
    libraries = ", ".join(f"{it} {version(it)}" for it in _LIBRARIES)
    yield Finding(
        "client",
        "ok",
        f"telexec {version('telexec')} (extensions version {EXTENSION_VERSION}), Python"
        f" {platform.python_version()}, {libraries}",
    )
    yield _encoding()
    yield _terminal()
    yield _hosts()
    yield _sessions()
    yield asyncio.run(_embedded())


def _encoding() -> Finding:
    try:
        locale.setlocale(locale.LC_CTYPE, "")
    except locale.Error:
        return Finding(
            "locale",
            "warn",
            "the locale that is set is not installed here",
            "set one that is: export LC_ALL=C.UTF-8",
        )
    encoding = locale.nl_langinfo(locale.CODESET)
    if encoding.upper().replace("-", "") == "UTF8":
        return Finding("locale", "ok", f"{locale.setlocale(locale.LC_CTYPE)}")
    return Finding(
        "locale",
        "warn",
        f"the encoding is {encoding}; arguments and variables are sent as UTF-8",
        "export LC_ALL=C.UTF-8, unless all of them are ASCII",
    )


def _terminal() -> Finding:
    if not os.isatty(_STDOUT):
        return Finding("terminal", "ok", "none: what is printed goes elsewhere")
    name = os.environ.get("TERM", "")
    size = shutil.get_terminal_size()
    if name in {"", "dumb"}:
        return Finding(
            "terminal",
            "warn",
            f"TERM is {name!r}: programs of a host cannot use the screen",
            "export TERM=xterm-256color, or whatever this terminal is",
        )
    return Finding("terminal", "ok", f"{name}, {size.columns} columns by {size.lines} lines")


def _hosts() -> Finding:
    try:
        hosts = read_hosts()
    except CommandError as error:
        return Finding("hosts", "fail", str(error), "telexec hosts --help shows such a file")
    if not hosts.targets:
        return Finding("hosts", "ok", "none have names; telexec hosts says how to give them some")
    default = "no default" if hosts.default is None else f"the default is {hosts.default}"
    return Finding("hosts", "ok", f"{len(hosts.targets)} have names, {default}")


def _sessions() -> Finding:
    file = state_file()
    try:
        if file.is_damaged():
            return Finding(
                "sessions",
                "warn",
                f"the list in {file.path} is damaged, and taken for empty",
                "nothing to do: it is put aside when the next session is left; telexec ps --all"
                " finds sessions that were left before",
            )
        book = file.read()
        # Whether it could be written, without writing it.
        file.change(lambda it: it)
    except StateFileError as error:
        return Finding(
            "sessions",
            "warn",
            str(error),
            "give yourself the directory, or name another one in XDG_STATE_HOME; until then "
            "telexec ps finds nothing that was left",
        )
    return Finding("sessions", "ok", f"{len(book.sessions)} were left on hosts; see telexec ps")


async def _embedded() -> Finding:
    begun_s = time.monotonic()
    try:
        async with asyncio.timeout(EMBEDDED_TIMEOUT_S), connect() as client:
            await client.run([sys.executable, "-I", "-S", "-c", ""], check=True)
    except EmbeddedHostUnavailableError as error:
        return Finding(
            "embedded",
            "warn",
            str(error),
            "nothing to do, if you always name a host",
        )
    except (TelexecError, TimeoutError) as error:
        return Finding(
            "embedded",
            "fail",
            str(error) or f"the embedded host took more than {EMBEDDED_TIMEOUT_S:g} s",
            "telexec-service --listen stdio says what keeps it from starting",
        )
    took_ms = (time.monotonic() - begun_s) * 1000
    return Finding("embedded", "ok", f"the embedded host runs programs; it took {took_ms:.0f} ms")
