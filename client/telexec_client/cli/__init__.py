"""The `telexec` command."""

import gc
import sys
from importlib.util import find_spec

from telexec_client.cli.exit_codes import NOT_INSTALLED
from telexec_client.cli.message import say
from telexec_schemas.late_module import put_off

GARBAGE_THRESHOLD = 100_000
"""How many more objects there must be than before until some are looked through for garbage."""


def main() -> None:
    """Run the `telexec` command on the process's arguments and exit with its exit code."""
    if find_spec("click") is None:
        say("cannot run without click; to install it: pip install 'telexec[cli]'")
        sys.exit(NOT_INSTALLED)
    # A command is over soon, and what it makes are mostly modules, which are no garbage.
    gc.set_threshold(GARBAGE_THRESHOLD)
    # websockets imports it, for versions of itself that were not released.
    put_off("importlib.metadata")
    from telexec_client.cli.commands import run_command_line  # noqa: PLC0415 - needs click

    exit_code = run_command_line(sys.argv[1:])
    # Nor is it worth a look at the end, when all of it goes.
    gc.freeze()
    sys.exit(exit_code)
