"""What `telexec ps` prints: pure."""

import json
import shlex
from collections.abc import Iterator, Sequence

import msgspec

from telexec_client.cli.printable import printable
from telexec_client.cli.process_name import short_id
from telexec_client.cli.request import Target
from telexec_client.cli.table import BAD, GOOD, OneLine, Styled, table
from telexec_schemas.attachment import ProcessEntry

_HEADING = ("SESSION", "PROCESS", "PID", "STATE", "STARTED", "EXIT", "COMMAND")
_NOTHING = "-"


class ListedSession(msgspec.Struct, frozen=True):
    """A session of a host, with what it runs and what is remembered of it, the newest first.

    `session` is its name, or its id if it has none. `is_truncated`: there are more, all older.
    """

    target: Target
    session: str
    processes: Sequence[ProcessEntry]
    is_truncated: bool = False


def processes_text(
    sessions: Sequence[ListedSession], *, now_ms: int, width: int, is_colored: bool = False
) -> str:
    """Return processes as a table, or as one for each host if there are several.

    Args:
        sessions: What there is.
        now_ms: The time, since 1970, UTC.
        width: How many columns there are for a line.
        is_colored: Whether states and ends have colours.
    """
    urls = list(dict.fromkeys(it.target.url or "" for it in sessions))
    lines: list[str] = []
    for url in urls:
        if len(urls) > 1:
            lines += ["", printable(url)] if lines else [printable(url)]
        here = [it for it in sessions if (it.target.url or "") == url]
        lines += table([_HEADING, *_rows(here, now_ms)], width=width, is_colored=is_colored)
    return "".join(f"{line}\n" for line in lines)


def processes_json(sessions: Sequence[ListedSession]) -> str:
    """Return processes as one line of JSON, ASCII only."""
    listed = [
        {
            "url": it.target.url,
            "session": it.session,
            "truncated": it.is_truncated,
            "processes": msgspec.to_builtins(it.processes),
        }
        for it in sessions
    ]
    return json.dumps({"sessions": listed}) + "\n"


def age(ms: int) -> str:
    """Return how long ago something was, in one number: `5s`, `12m`, `3h`, `4d`."""
    seconds = max(ms, 0) // 1000
    for unit, size_s in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size_s:
            return f"{seconds // size_s}{unit} ago"
    return f"{seconds}s ago"


def how_ended(entry: ProcessEntry) -> str:
    """Return how a process ended in a word: its exit code, the signal, or why it was ended."""
    if entry.state == "running" or entry.exit_code is None:
        return _NOTHING
    if entry.reason in {"timeout", "idleTimeout"}:
        return "timeout"
    return entry.signal or str(entry.exit_code)


def _rows(sessions: Sequence[ListedSession], now_ms: int) -> Iterator[Sequence[str]]:
    for it in sessions:
        for entry in it.processes:
            yield (
                it.session,
                short_id(entry.process_id),
                str(entry.pid),
                Styled("running", GOOD) if entry.state == "running" else "ended",
                age(now_ms - entry.started_at_ms),
                Styled(how_ended(entry), BAD) if entry.exit_code else how_ended(entry),
                OneLine(shlex.join(entry.argv)),
            )
        if not it.processes or it.is_truncated:
            remark = "(more, all older)" if it.is_truncated else "(no processes)"
            yield (it.session, *([_NOTHING] * (len(_HEADING) - 2)), OneLine(remark))
