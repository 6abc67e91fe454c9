"""What `telexec hosts` prints: pure."""

import json
from collections.abc import Iterator, Mapping

import msgspec

from telexec_client.cli.hosts import Hosts
from telexec_client.cli.printable import printable
from telexec_client.cli.request import Target
from telexec_client.cli.table import table

_EXAMPLE = """\
[hosts.build1]
url = "wss://build1.example:7333"
token_file = "build1.token"
"""


class HostCheck(msgspec.Struct, frozen=True):
    """Whether a host opened a session.

    `server` is what it says that it is, `connect_s` how long it took. `error`: why it opened none;
    the others are None then.
    """

    server: str | None = None
    connect_s: float | None = None
    error: Exception | None = None


def hosts_text(
    hosts: Hosts, checks: Mapping[str, HostCheck] | None, *, home: str, width: int
) -> str:
    """Return the hosts as a table, or how to have some.

    Args:
        hosts: What there is.
        checks: Of each by its name, if they were asked.
        home: The caller's home directory, which is shown as `~`.
        width: How many columns there are for a line.
    """
    path = printable(_shortened(hosts.path, home))
    if not hosts.targets:
        why = "names no hosts" if hosts.is_there else "is not there"
        return f"{path} {why}.\nTo give a host a name, write into it, for example:\n\n{_EXAMPLE}"
    last = "USES" if checks is None else "ANSWER"
    rows = [
        (
            f"{name} (default)" if name == hosts.default else name,
            str(target.url),
            _uses(target, home) if checks is None else _answer(checks[name]),
        )
        for name, target in hosts.targets.items()
    ]
    lines = table([("HOST", "URL", last), *rows], width=width)
    return "".join(f"{line}\n" for line in lines)


def hosts_json(hosts: Hosts, checks: Mapping[str, HostCheck] | None) -> str:
    """Return the same as one line of JSON."""
    content = {
        "file": hosts.path,
        "default": hosts.default,
        "hosts": [
            {
                "name": name,
                "url": target.url,
                "tokenFile": target.token_file,
                "caFile": target.ca_file,
                **({} if checks is None else {"check": _check(checks[name])}),
            }
            for name, target in hosts.targets.items()
        ],
    }
    return json.dumps(content) + "\n"


def _uses(target: Target, home: str) -> str:
    def files() -> Iterator[str]:
        for what, path in (("token", target.token_file), ("CA", target.ca_file)):
            if path is not None:
                yield f"{what} {_shortened(path, home)}"

    return ", ".join(files()) or "no token"


def _answer(check: HostCheck) -> str:
    if check.error is not None:
        return f"no: {check.error}"
    return f"yes, {check.server}, in {(check.connect_s or 0) * 1000:.0f} ms"


def _check(check: HostCheck) -> dict[str, object]:
    error = check.error
    return {
        "ok": error is None,
        "server": check.server,
        "connectMs": None if check.connect_s is None else round(check.connect_s * 1000, 3),
        "error": None if error is None else {"type": type(error).__name__, "message": str(error)},
    }


def _shortened(path: str, home: str) -> str:
    return f"~{path[len(home) :]}" if path.startswith(f"{home.rstrip('/')}/") else path
