"""Printing what telexec itself has to say on stdout."""

import os
import shutil

from telexec_client.cli.descriptors import OutputDescriptor
from telexec_client.cli.exit_codes import BROKEN_PIPE, OWN_FAILURE
from telexec_client.cli.message import say

_STDOUT = 1
_MIN_WIDTH = 40


async def print_text(text: str, exit_code: int = 0) -> int:
    """Print a text and return `exit_code`, or that of a stdout that cannot be written to."""
    try:
        await OutputDescriptor(_STDOUT).write(text.encode())
    except BrokenPipeError:
        return BROKEN_PIPE
    except OSError as error:
        say(f"cannot write to standard output: {error.strerror}")
        return OWN_FAILURE
    return exit_code


def terminal_width() -> int:
    """Return how many columns there are: `COLUMNS`, else those of the terminal, else 80."""
    return max(shutil.get_terminal_size().columns, _MIN_WIDTH)


def has_colors() -> bool:
    """Return whether what is printed may be coloured: on a terminal that can, unless `NO_COLOR`."""
    is_wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    return is_wanted and os.isatty(_STDOUT)
