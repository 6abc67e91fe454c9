"""Where the command starts: it says what to install when the service's own packages are missing."""

import importlib.util
import sys
from collections.abc import Sequence

EXIT_FAILURE = 1

_NEEDED = ("pybase64", "structlog", "tomli_w", "uvloop")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `telexec-service` and return its exit code."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"telexec-service: cannot serve without {', '.join(missing)}:"
            " run pip install 'telexec[service]'\n"
        )
        return EXIT_FAILURE
    from telexec_service.main import main as serve_main  # noqa: PLC0415 - needs what is checked

    return serve_main(arguments)
