"""The file in which the caller gives names to hosts."""

import os
from typing import TYPE_CHECKING

from telexec_client.cli.small_file import FileUnreadableError, read_small_file

if TYPE_CHECKING:
    from telexec_client.cli.hosts import Hosts

HOSTS_VARIABLE = "TELEXEC_HOSTS"
"""Names another file; it must be there."""


def hosts_path() -> str:
    """Return where the caller's file of hosts is, or would be; absolute."""
    named = os.environ.get(HOSTS_VARIABLE)
    if named:
        return os.path.abspath(os.path.expanduser(named))
    directory = os.environ.get("XDG_CONFIG_HOME", "")
    # A relative one is to be ignored (XDG Base Directory Specification).
    if not os.path.isabs(directory):
        directory = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(directory, "telexec", "hosts.toml")


def has_hosts() -> bool:
    """Return whether the caller has such a file, or names one."""
    return bool(os.environ.get(HOSTS_VARIABLE)) or os.path.lexists(hosts_path())


def read_hosts() -> "Hosts":
    """Return the caller's hosts; without a file, none.

    Raises:
        FileUnreadableError: There is a file, or one is named, and it cannot be read.
        InvalidHostsError: It cannot be used.
    """
    # What it takes to read one is not loaded where there is none.
    from telexec_client.cli.hosts import Hosts, parse_hosts  # noqa: PLC0415

    path = hosts_path()
    try:
        content = read_small_file(path)
    except FileUnreadableError as error:
        if error.is_missing and not os.environ.get(HOSTS_VARIABLE):
            return Hosts(path, is_there=False)
        raise
    return parse_hosts(content, path, home=os.path.expanduser("~"))
