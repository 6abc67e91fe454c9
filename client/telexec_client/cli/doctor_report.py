"""What `telexec doctor` prints: pure."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from telexec_client.cli.printable import printable
from telexec_client.cli.table import BAD, DOUBTFUL, GOOD, Styled, table

Mark = Literal["ok", "warn", "fail"]
"""Whether something is as it should be, may be a problem, or keeps telexec from working."""

_MARK_COLUMNS = 4
_STYLES: Mapping[Mark, str] = {"ok": GOOD, "warn": DOUBTFUL, "fail": BAD}


class Finding(msgspec.Struct, frozen=True):
    """What one check found; `advice` is what to do, for what is not ok."""

    check: str
    mark: Mark
    what: str
    advice: str | None = None


class Section(msgspec.Struct, frozen=True):
    """The findings about one thing: this machine, or a host."""

    title: str
    findings: Sequence[Finding]

    @property
    def has_failed(self) -> bool:
        """Whether something keeps telexec from working."""
        return any(it.mark == "fail" for it in self.findings)


def findings_text(sections: Sequence[Section], *, width: int, is_colored: bool = False) -> str:
    """Return the findings for people, each with its advice under it.

    Args:
        sections: What was found.
        width: How many columns there are for a line.
        is_colored: Whether marks have colours.
    """
    lines = _lines(sections, width, is_colored=is_colored)
    return "".join(f"{line}\n" for line in lines)


def findings_json(sections: Sequence[Section]) -> str:
    """Return the findings as one line of JSON, ASCII only."""
    content = {
        "ok": not any(it.has_failed for it in sections),
        "sections": msgspec.to_builtins(sections),
    }
    return json.dumps(content) + "\n"


def _lines(sections: Sequence[Section], width: int, *, is_colored: bool) -> Iterator[str]:
    checks = [it.check for section in sections for it in section.findings]
    check_columns = max(map(len, checks), default=0)
    for section in sections:
        yield from textwrap.wrap(printable(section.title), width)
        rows = [("", "CHECK".ljust(check_columns), "FINDING")]
        for it in section.findings:
            rows.append((Styled(it.mark.ljust(_MARK_COLUMNS), _STYLES[it.mark]), it.check, it.what))
            if it.advice is not None:
                rows.append(("", "", f"-> {it.advice}"))
        yield from table(rows, width=width, is_colored=is_colored)
        yield ""
    marks = [it.mark for section in sections for it in section.findings]
    yield f"{marks.count('ok')} ok, {marks.count('warn')} warn, {marks.count('fail')} fail"
