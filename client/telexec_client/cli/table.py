"""Tables of text for a terminal."""

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence

from telexec_client.cli.printable import printable

_GAP = "  "
_ELLIPSIS = "…"


class OneLine(str):
    """A last cell that is cut where it does not fit, and does not go on under itself."""

    __slots__ = ()


def table(rows: Sequence[Sequence[str]], *, width: int) -> Iterator[str]:
    """Lay rows out in columns, each as wide as its widest cell, and return the lines.

    A first cell that is wider than half of `width` has a line of its own. What does not fit of the
    last cell goes on under it, unless it is `OneLine`.

    Args:
        rows: The first is the heading; all have as many cells.
        width: How many columns there are for a line.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)][:-1]
    widths[0] = max(
        (used for row in cells if (used := _columns(row[0])) <= width // 2), default=width // 2
    )
    indent = sum(widths) + len(_GAP) * len(widths)
    for row, (first, *middle, last) in zip(rows, cells, strict=True):
        start = _padded(first, widths[0])
        if _columns(first) > widths[0]:
            yield first
            start = " " * widths[0]
        head = _GAP.join([start, *map(_padded, middle, widths[1:])]) + _GAP
        room = max(width - indent, _columns(_ELLIPSIS))
        is_cut = isinstance(row[-1], OneLine)
        pieces = [_cut(last, room)] if is_cut else textwrap.wrap(last, room) or [""]
        yield (head + pieces[0]).rstrip()
        for piece in pieces[1:]:
            yield " " * indent + piece


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes (Unicode, UAX 11)."""
    return sum(_char_columns(char) for char in text)


def _char_columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _columns(text))


def _cut(text: str, width: int) -> str:
    if _columns(text) <= width:
        return text
    used = 0
    for place, char in enumerate(text):
        used += _char_columns(char)
        if used > width - 1:
            return text[:place] + _ELLIPSIS
    return text
