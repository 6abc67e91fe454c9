"""Where the command starts: it says what to install when the service's own packages are missing."""

import gc
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Any

from telexec_schemas.late_module import put_off

EXIT_FAILURE = 1

_NEEDED = ("prometheus_client", "pybase64", "structlog", "tomli_w", "uvloop")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `telexec-service` and return its exit code."""
    if arguments is None:
        _insist_on_utf8()
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"telexec-service: cannot serve without {', '.join(missing)}:"
            " run pip install 'telexec[service]'\n"
        )
        return EXIT_FAILURE
    code: int = _import_without_collecting("telexec_service.main").main(arguments)
    return code


def main_of_worker() -> None:
    """Run one of several workers, which the supervisor has started; see `worker_program`."""
    _import_without_collecting("telexec_service.workers.worker_program").main()


def _import_without_collecting(name: str) -> Any:
    # Modules are not garbage: looking for it while they are made, and ever after, is for nothing.
    gc.disable()
    _import_lean()
    module = importlib.import_module(name)
    gc.freeze()
    gc.enable()
    return module


def _insist_on_utf8() -> None:
    """Start anew if this host's locale has Python take names and values in another encoding.

    On the wire they are UTF-8, and a child is to get the bytes that were sent.
    """
    if sys.getfilesystemencoding() != "utf-8":
        # Nothing is open yet, and the environment goes on as it is (PEP 540).
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _import_lean() -> None:
    """Import what imports more than it needs, without that: it would take a third of the start."""
    # Of websockets, which has a use for it in versions of its own that are not released.
    put_off("importlib.metadata")
    # Of structlog, for tracebacks that are prettier than ours may be; it does without.
    sys.modules["rich"] = None  # type: ignore[assignment] # "cannot be imported" (import system)
    import structlog  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport]

    del sys.modules["rich"]
