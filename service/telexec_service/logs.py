"""Logs: one event a line on stderr; JSON, or for people when stderr is a terminal."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from telexec_service.observability.line_writer import LineWriter

LEVELS = ("debug", "info", "warning", "error")

_Event = MutableMapping[str, Any]
_encode = msgspec.json.Encoder(enc_hook=repr, decimal_format="string").encode


class Log:
    """The log of one service and where it goes.

    Attributes:
        events: The structlog logger.
        lines: What writes its lines; the service opens it with its loop.
    """

    def __init__(self, level: str, fields: Mapping[str, object]) -> None:
        shows_people = sys.stderr.isatty()
        render = _render_for_people() if shows_people else _render_json
        self.lines = LineWriter(
            sys.stderr.fileno(),
            lambda count: render(None, "warning", {"event": "log.dropped", "lines": count}),
        )
        self.events: Any = structlog.wrap_logger(
            self.lines,
            processors=[render],
            wrapper_class=_logger_class(level),
            cache_logger_on_first_use=True,
        ).bind(**fields)

        # What libraries have to say would go to stderr by itself, and wait there for a reader.
        self._libraries = _Libraries(self.events)
        logging.getLogger().addHandler(self._libraries)

    def close(self) -> None:
        """Write what is left, as far as somebody reads it soon."""
        logging.getLogger().removeHandler(self._libraries)
        self.lines.close()


def open_log(level: str, **fields: object) -> Log:
    """Return the log of the service.

    Args:
        level: One of `LEVELS`; events below it are dropped before they cost anything.
        fields: What every line has.
    """
    return Log(level, fields)


class _Libraries(logging.Handler):
    """Takes what libraries log."""

    def __init__(self, events: Any) -> None:
        super().__init__(logging.WARNING)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        report = self._events.error if record.levelno >= logging.ERROR else self._events.warning
        report(
            "library.reported",
            library=record.name,
            message=record.getMessage(),
            exc_info=record.exc_info,
        )


class _Logger(structlog.BoundLoggerBase):
    """structlog's bound logger with one step from an event to its line.

    Every request and every process has a line: the steps of a chain of processors, which leads to
    the same line, cost more than the line itself.
    """

    def debug(self, event: str, **fields: Any) -> None:
        self._write("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write("error", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        self._write("error", event, {"exc_info": True} | fields)

    def _write(self, level: str, event: str, fields: _Event) -> None:
        (render,) = self._processors
        line: Any = render(None, level, {"event": event, **self._context, **fields})
        self._logger.write(line)


def _logger_class(level: str) -> type[_Logger]:
    """Return a class whose loggers drop what is below a level."""
    below = LEVELS[: LEVELS.index(level)]
    return type("Logger", (_Logger,), dict.fromkeys(below, _say_nothing))


def _say_nothing(logger: _Logger, event: str, **fields: Any) -> None:
    del logger, event, fields


def _render_json(logger: Any, method: str, event: _Event) -> bytes:
    line: dict[str, Any] = {
        "timestamp": datetime.now(UTC),
        "level": method,
        "event": event.pop("event"),
    }
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, method, event)
    line.update(event)
    return _to_json(line)


def _to_json(line: _Event) -> bytes:
    try:
        return _encode(line) + b"\n"
    except UnicodeEncodeError:
        # A name with bytes that are not UTF-8.
        return _encode({name: _printable(value) for name, value in line.items()}) + b"\n"


def _printable(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _render_for_people() -> Any:
    # Not the prettier tracebacks: they show the values of variables, and so what clients sent.
    show = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)

    def render(logger: Any, method: str, event: _Event) -> bytes:
        event["timestamp"] = datetime.now(UTC).isoformat()
        event["level"] = method
        return (show(logger, method, event) + "\n").encode("utf-8", "backslashreplace")

    return render
