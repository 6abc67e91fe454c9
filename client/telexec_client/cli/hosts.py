"""What a file of hosts says: pure, so that it can be tested.

Such a file is TOML: a table `[hosts.NAME]` for each host, with its `url`, and with its `token_file`
and `ca_file` where it has one; `default = "NAME"` at the top says which host is meant where none is
named.
"""

import posixpath
import re
import tomllib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from telexec_client.cli.errors import CommandError
from telexec_client.cli.printable import printable
from telexec_client.cli.request import Target
from telexec_client.core.address import UnixAddress, parse_address
from telexec_client.errors import InvalidUrlError
from telexec_schemas.spelling import did_you_mean

EMBEDDED = "embedded"
"""Names the embedded host, also where another one is the default."""

MAX_LISTED = 20
"""The most hosts that an error lists."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class InvalidHostsError(CommandError):
    """A file of hosts cannot be used; the text names the file, the place in it, and what to do."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"cannot use the hosts in {printable(path)}: {why}")
        self.path = path


class HostUnknownError(CommandError):
    """There is no host of that name."""

    def __init__(self, name: str, hint: str) -> None:
        super().__init__(f"cannot find the host {name!r}: {hint}")
        self.name = name


class Hosts(msgspec.Struct, frozen=True):
    """The hosts that have names.

    `path`: the file that says so; `is_there`: whether there is one. `targets`: by name, in the
    order of the file. `default`: which one is meant where none is named; may be `EMBEDDED`.
    """

    path: str
    is_there: bool = True
    targets: Mapping[str, Target] = {}
    default: str | None = None

    def named(self, name: str) -> Target:
        """Return the host of a name; that of `EMBEDDED` has no URL.

        Raises:
            HostUnknownError: There is none.
        """
        if name == EMBEDDED:
            return Target(name=EMBEDDED)
        target = self.targets.get(name)
        if target is not None:
            return target
        path = printable(self.path)
        if not self.is_there:
            raise HostUnknownError(name, f"there is no file {path} that names one")
        raise HostUnknownError(name, f"{self._hint(name)} ({path})")

    def _hint(self, name: str) -> str:
        known = [*self.targets, EMBEDDED]
        meant = did_you_mean(name, known)
        more = len(known) - MAX_LISTED
        listed = ", ".join(known[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
        return f"{meant}{' ' if meant else ''}known are {listed}"


class _HostTable(msgspec.Struct, frozen=True):
    url: str
    token_file: str | None = None
    ca_file: str | None = None


class _HostsFile(msgspec.Struct, frozen=True):
    default: str | None = None
    hosts: dict[str, dict[str, Any]] = {}


def parse_hosts(content: bytes, path: str, *, home: str) -> Hosts:
    """Return the hosts that a file names.

    Relative paths in it start at its directory, `~` and `~/…` at `home`.

    Args:
        content: What is in the file.
        path: Where it is, absolute.
        home: The caller's home directory.

    Raises:
        InvalidHostsError: It is no TOML, or says something else than which hosts there are.
    """
    try:
        document = tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidHostsError(path, f"line {line} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidHostsError(path, f"it is not TOML: {error}") from error
    except RecursionError as error:
        raise InvalidHostsError(path, "it is nested too deeply") from error
    try:
        _check_keys(document, _HostsFile.__struct_fields__, "the file")
        file = msgspec.convert(document, _HostsFile)
        targets = {
            name: _target(name, table, posixpath.dirname(path), home)
            for name, table in file.hosts.items()
        }
        if file.default is not None and file.default not in {*targets, EMBEDDED}:
            known = ", ".join([*targets, EMBEDDED][:MAX_LISTED])
            raise ValueError(f"default is {file.default!r}, which is none of {known}")
    except (ValueError, msgspec.ValidationError) as error:
        raise InvalidHostsError(path, _plain(error)) from error
    return Hosts(path, targets=targets, default=file.default)


def _target(name: str, table: Mapping[str, Any], directory: str, home: str) -> Target:
    if name == EMBEDDED:
        raise ValueError(
            f"[hosts.{EMBEDDED}] cannot be: it is the name of the host on this machine"
        )
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"[hosts.{name!r}] has no name for a host: use at most 64 letters, digits, '.', '_' "
            "and '-'"
        )
    where = f"[hosts.{name}]"
    _check_keys(table, _HostTable.__struct_fields__, where)
    try:
        if "url" not in table:
            raise ValueError('it has no url; write url = "wss://HOST:PORT"')
        host = msgspec.convert(table, _HostTable)
        address = parse_address(host.url)
        url = host.url
        if isinstance(address, UnixAddress):
            url = str(UnixAddress(_absolute(address.path, directory, home)))
        elif host.ca_file is not None and not address.is_secure:
            raise ValueError("ca_file is for a url of wss://…, take it out")
        return Target(
            url,
            None if host.token_file is None else _absolute(host.token_file, directory, home),
            None if host.ca_file is None else _absolute(host.ca_file, directory, home),
            name,
        )
    except InvalidUrlError as error:
        raise ValueError(f"{where}: {error}") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise ValueError(f"{where}: {_plain(error)}") from error


def _check_keys(table: Mapping[str, object], known: Collection[str], where: str) -> None:
    for key, value in table.items():
        if key in known:
            continue
        hint = did_you_mean(key, known) or f"known are {', '.join(known)}"
        if isinstance(value, dict) and where != "the file":
            # A dot in a name makes a table in a table of it (TOML).
            hint = 'a name with a dot is written in quotes: [hosts."a.b"]'
        raise ValueError(f"unknown key {key!r} in {where}: {hint}")


def _absolute(path: str, directory: str, home: str) -> str:
    if not path or "\0" in path:
        raise ValueError(f"{path!r} is not the path of a file")
    if path == "~" or path.startswith("~/"):
        return posixpath.join(home, path[2:])
    if path.startswith("~"):
        raise ValueError(f"{path!r} starts with somebody's '~': write the whole path")
    return posixpath.join(directory, path)


def _plain(error: Exception) -> str:
    """Return the text of an error with the key in front, where msgspec has it at the end."""
    why, _, place = str(error).partition(" - at `$.")
    return f"{place.removesuffix('`')}: {why}" if place else why
