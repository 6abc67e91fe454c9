"""What `telexec doctor` prints: pure."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from telexec_client.cli.printable import printable

Mark = Literal["ok", "warn", "fail"]
"""Whether something is as it should be, may be a problem, or keeps telexec from working."""

_MARK_COLUMNS = 6
_CHECK_COLUMNS = 13


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


def findings_text(sections: Sequence[Section], *, width: int) -> str:
    """Return the findings for people, each with its advice under it."""
    return "".join(f"{line}\n" for line in _lines(sections, width))


def findings_json(sections: Sequence[Section]) -> str:
    """Return the findings as one line of JSON, ASCII only."""
    content = {
        "ok": not any(it.has_failed for it in sections),
        "sections": msgspec.to_builtins(sections),
    }
    return json.dumps(content) + "\n"


def _lines(sections: Sequence[Section], width: int) -> Iterator[str]:
    indent = " " * (_MARK_COLUMNS + _CHECK_COLUMNS)
    for section in sections:
        yield from textwrap.wrap(printable(section.title), width)
        for it in section.findings:
            head = f"{it.mark:<{_MARK_COLUMNS}}{it.check:<{_CHECK_COLUMNS}}"
            yield from textwrap.wrap(
                printable(it.what), width, initial_indent=head, subsequent_indent=indent
            )
            if it.advice is not None:
                yield from textwrap.wrap(
                    printable(it.advice),
                    width,
                    initial_indent=f"{indent}-> ",
                    subsequent_indent=f"{indent}   ",
                )
        yield ""
    marks = [it.mark for section in sections for it in section.findings]
    yield f"{marks.count('ok')} ok, {marks.count('warn')} warn, {marks.count('fail')} fail"
