"""Tables of text for a terminal."""

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Self

from telexec_client.cli.errors import CommandError
from telexec_client.cli.exit_codes import NOT_INSTALLED
from telexec_client.cli.printable import printable

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_GAP_COLUMNS = 2

_LAST_COLUMNS = 12
"""What is left to the last column, of however many characters the first cells are."""

# Of the eight colours that every terminal has, and that are told from black and from white. None
# says what no word beside it says.
GOOD = "green"
BAD = "bold red"
DOUBTFUL = "bold magenta"
_HEADING = "bold"


class RichMissingError(CommandError):
    """Tables need a package that is not installed."""

    exit_code = NOT_INSTALLED

    def __init__(self) -> None:
        super().__init__("cannot show it without rich; to install it: pip install 'telexec[cli]'")


class OneLine(str):
    """A last cell that is cut where it does not fit, and does not go on under itself."""

    __slots__ = ()


class Styled(str):
    """A cell in a colour, which it has only where there are colours."""

    __slots__ = ("style",)
    style: str

    def __new__(cls, text: str, style: str) -> Self:
        """Return a cell in one of the colours above."""
        cell = super().__new__(cls, text)
        cell.style = style
        return cell


def table(rows: Sequence[Sequence[str]], *, width: int, is_colored: bool = False) -> Iterator[str]:
    """Lay rows out in columns, each as wide as its widest cell, and return the lines.

    A first cell that is wider than half of `width`, or leaves no room for the last one, has a line
    of its own. What does not fit of the last cell goes on under it, unless it is `OneLine`.

    Args:
        rows: The first is the heading; all have as many cells.
        width: How many columns there are for a line.
        is_colored: Whether the lines may hold codes that colour them.

    Raises:
        RichMissingError: The package that this needs is not installed.
    """
    heading, *others = rows
    lines = [[Styled(cell, _HEADING) for cell in heading], *others]
    try:
        from rich.cells import cell_len  # noqa: PLC0415 - slow to import, and of an extra
        from rich.console import Console  # noqa: PLC0415
    except ImportError as error:
        raise RichMissingError from error
    cells = [[printable(cell) for cell in line] for line in lines]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)][:-1]
    left = width - sum(widths[1:]) - _GAP_COLUMNS * len(widths) - _LAST_COLUMNS
    most = max(min(width // 2, left), cell_len(cells[0][0]))
    widths[0] = max(used for row in cells if (used := cell_len(row[0])) <= most)
    indent = sum(widths) + _GAP_COLUMNS * len(widths)
    widths.append(max(width - indent, 1))
    console = Console(
        file=StringIO(),
        width=sum(widths) + _GAP_COLUMNS * len(widths),
        force_terminal=is_colored,
        color_system="standard" if is_colored else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        # All of it was decided by who calls.
        _environ={},
    )
    grid = _grid(widths)
    for line in lines:
        first, *rest = [_text(cell) for cell in line]
        if first.cell_len > widths[0]:
            console.print(grid)
            console.print(first, soft_wrap=True)
            first, grid = _text(""), _grid(widths)
        grid.add_row(first, *rest)
    console.print(grid)
    assert isinstance(console.file, StringIO)
    for shown in console.file.getvalue().splitlines():
        yield shown.rstrip()


def _grid(widths: Sequence[int]) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - as above

    grid = Table.grid(padding=(0, _GAP_COLUMNS, 0, 0), pad_edge=False)
    for width in widths:
        grid.add_column(width=width)
    return grid


def _text(cell: str) -> "Text":
    from rich.text import Text  # noqa: PLC0415 - as above

    text = Text(
        printable(cell),
        no_wrap=isinstance(cell, OneLine),
        overflow="ellipsis" if isinstance(cell, OneLine) else "fold",
    )
    if isinstance(cell, Styled):
        # The text alone, and not the blanks that fill its column.
        text.stylize(cell.style)
    return text
