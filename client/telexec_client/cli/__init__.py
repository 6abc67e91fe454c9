"""The `telexec` command."""

import sys
from importlib.util import find_spec

from telexec_client.cli.exit_codes import OWN_FAILURE
from telexec_client.cli.message import say


def main() -> None:
    """Run the `telexec` command on the process's arguments and exit with its exit code."""
    if find_spec("click") is None:
        say("cannot run without click; to install it: pip install 'telexec[cli]'")
        sys.exit(OWN_FAILURE)
    from telexec_client.cli.commands import run_command_line  # noqa: PLC0415 - needs click

    sys.exit(run_command_line(sys.argv[1:]))
