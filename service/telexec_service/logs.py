"""Logs: one event a line on stderr; JSON, or for people when stderr is a terminal."""

import contextlib
import logging
import os
import sys
from typing import Any, TextIO

import msgspec
import structlog

LEVELS = ("debug", "info", "warning", "error")


def open_log(level: str) -> Any:
    """Return the logger of the service.

    Args:
        level: One of `LEVELS`; events below it are dropped before they cost anything.
    """
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if sys.stderr.isatty():
        # Not the prettier tracebacks: they show the values of variables, and so what clients sent.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        processors.append(renderer)
    else:
        processors.append(structlog.processors.format_exc_info)
        processors.append(structlog.processors.JSONRenderer(serializer=_to_json))
    return structlog.wrap_logger(
        _Stderr(sys.stderr),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
    ).bind()


class _Stderr:
    """Writes lines, and goes on without them when nobody takes them: a full disk, a gone reader."""

    def __init__(self, file: TextIO) -> None:
        self._descriptor = file.fileno()

    def msg(self, message: str) -> None:
        # Not through Python's buffer, which would keep what failed, and fail with it at the exit.
        line = (message + "\n").encode("utf-8", "backslashreplace")
        # What happened cannot be told, and is no reason to fail what a client asked for.
        with contextlib.suppress(OSError):
            while line:
                line = line[os.write(self._descriptor, line) :]

    debug = info = warning = error = exception = critical = msg


def _to_json(event: Any, **_options: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()
