"""What the host says of itself to a client."""

import hashlib
import os
import platform
import pwd

from telexec_schemas.file_uri import path_to_uri
from telexec_schemas.lifecycle import EnvironmentInfo, Shell

_FALLBACK_SHELL = "/bin/sh"
_FALLBACK_TEMP_DIR = "/tmp"  # noqa: S108 - XBD 8.3: what TMPDIR stands in for
_MACHINE_ID = "/etc/machine-id"


def read_host_information(version: str) -> EnvironmentInfo:
    """Return the facts of this host, as of now. No capability is claimed beyond the base dialect.

    Args:
        version: The service's.
    """
    user = os.getuid()
    try:
        account = pwd.getpwuid(user)
        shell, home = account.pw_shell or _FALLBACK_SHELL, account.pw_dir
    except KeyError:
        # Containers run as users that no passwd file knows.
        shell, home = _FALLBACK_SHELL, "/"
    home = os.environ.get("HOME") or home
    return EnvironmentInfo(
        shell=Shell(os.path.basename(shell), shell),
        executor_version=version,
        provider_id=_provider_id(user),
        cwd=path_to_uri(os.getcwd()),
        user_home_dir=path_to_uri(os.path.abspath(home)),
        # Named, not probed: a host whose file system cannot be written has one too.
        temp_dir=path_to_uri(os.path.abspath(os.environ.get("TMPDIR") or _FALLBACK_TEMP_DIR)),
        platform_os=platform.system().lower(),
    )


def _provider_id(user: int) -> str:
    """Return the same opaque text for the same host and user (machine-id(5) asks for a hash)."""
    try:
        with open(_MACHINE_ID, encoding="ascii") as file:
            machine = file.read().strip()
    except OSError:
        machine = ""
    seed = f"telexec/{machine or platform.node()}/{user}"
    return f"sha256:{hashlib.sha256(seed.encode()).hexdigest()}"
