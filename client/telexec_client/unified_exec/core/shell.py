"""What runs a command line on the host."""

import posixpath
from collections.abc import Sequence

from telexec_client.errors import CommandLineError

FALLBACK_SHELL = "/bin/sh"
"""What POSIX has everywhere."""

_NO_SHELLS = {"nologin", "false", "true", ""}
"""What accounts have for a shell that nobody is to log in to."""


def command_argv(
    cmd: str | None,
    argv: Sequence[str] | None,
    *,
    shell: str | None,
    login: bool,
    host_shell: str,
) -> list[str]:
    """Return the argv of a command line (`cmd`), or the one that is given in its place.

    Args:
        cmd: For the shell.
        argv: Run as it is.
        shell: The one to use; `None`: the host's own.
        login: Whether the shell reads what a login reads.
        host_shell: What the host says its shell is.

    Raises:
        CommandLineError: There is neither or both of `cmd` and `argv`, or nothing in it.
    """
    if (cmd is None) == (argv is None):
        raise CommandLineError("say either cmd or argv")
    if argv is not None:
        if isinstance(argv, str) or not argv:
            raise CommandLineError("argv is a sequence of at least one string")
        return list(argv)
    if not cmd or not cmd.strip():
        raise CommandLineError("cmd is empty")
    return [shell or _usable(host_shell), "-lc" if login else "-c", cmd]


def working_directory(wanted: str | None, base: str) -> str:
    """Return the directory that a path means that may be relative to `base`; `None`: that one."""
    return posixpath.join(base, wanted) if wanted else base


def _usable(shell: str) -> str:
    return FALLBACK_SHELL if posixpath.basename(shell) in _NO_SHELLS else shell
