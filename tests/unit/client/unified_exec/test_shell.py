"""What runs a command line on the host."""

import pytest

from telexec_client.errors import CommandLineError
from telexec_client.unified_exec.core.shell import command_argv, working_directory


@pytest.mark.parametrize(
    ("shell", "login", "host_shell", "argv"),
    [
        (None, True, "/bin/bash", ["/bin/bash", "-lc", "ls"]),
        (None, False, "/bin/bash", ["/bin/bash", "-c", "ls"]),
        ("zsh", False, "/bin/bash", ["zsh", "-c", "ls"]),
        (None, True, "/usr/sbin/nologin", ["/bin/sh", "-lc", "ls"]),
        (None, True, "/bin/false", ["/bin/sh", "-lc", "ls"]),
        (None, True, "", ["/bin/sh", "-lc", "ls"]),
    ],
)
def test_a_line_is_for_the_shell_that_is_named_or_the_hosts_or_sh(
    shell: str | None, login: bool, host_shell: str, argv: list[str]
) -> None:
    made = command_argv("ls", None, shell=shell, login=login, host_shell=host_shell)
    assert made == argv


def test_an_argv_is_run_as_it_is() -> None:
    made = command_argv(None, ("ls", "-l"), shell="zsh", login=True, host_shell="/bin/sh")
    assert made == ["ls", "-l"]


@pytest.mark.parametrize(
    ("cmd", "argv"),
    [(None, None), ("ls", ["ls"]), ("", None), (" \n", None), (None, []), (None, "ls")],
)
def test_there_is_one_thing_to_run(cmd: str | None, argv: list[str] | None) -> None:
    with pytest.raises(CommandLineError):
        command_argv(cmd, argv, shell=None, login=True, host_shell="/bin/sh")


@pytest.mark.parametrize(
    ("wanted", "directory"),
    [(None, "/home/u"), ("", "/home/u"), ("src", "/home/u/src"), ("/etc", "/etc")],
)
def test_a_directory_is_relative_to_the_base(wanted: str | None, directory: str) -> None:
    assert working_directory(wanted, "/home/u") == directory
