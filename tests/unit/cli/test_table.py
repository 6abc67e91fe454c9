from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from telexec_client.cli.printable import printable
from telexec_client.cli.table import BAD, OneLine, Styled, table


def laid_out(*rows: list[str], width: int = 40) -> list[str]:
    return list(table(rows, width=width))


def test_columns_are_as_wide_as_their_widest_cells() -> None:
    assert laid_out(["A", "B", "C"], ["long", "x", "1"], ["x", "wide", "2"]) == [
        "A     B     C",
        "long  x     1",
        "x     wide  2",
    ]


def test_a_line_does_not_end_in_blanks() -> None:
    assert laid_out(["NAME", "RULE"], ["x", ""]) == ["NAME  RULE", "x"]


def test_a_last_cell_that_does_not_fit_goes_on_under_itself() -> None:
    assert laid_out(["NAME", "RULE"], ["x", "one two three four"], width=18) == [
        "NAME  RULE",
        "x     one two",
        "      three four",
    ]


def test_a_cell_of_one_line_is_cut_where_it_does_not_fit() -> None:
    lines = laid_out(["NAME", "VALUE"], ["x", OneLine("/a b:" * 10)], width=20)
    assert lines[1] == "x     /a b:/a b:/a …"
    assert len(lines[1]) == 20


def test_a_wide_first_cell_has_a_line_of_its_own_and_widens_no_other() -> None:
    assert laid_out(["NAME", "RULE"], ["N" * 21, "a"], ["x", "b"]) == [
        "NAME  RULE",
        "N" * 21,
        "      a",
        "x     b",
    ]


def test_a_first_cell_leaves_room_for_the_last_one() -> None:
    rows = [["NAME", "B", "C"], ["N" * 18, "b" * 12, "c"], ["x", "b", "c d e f"]]
    assert list(table(rows, width=40)) == [
        "NAME  B             C",
        "N" * 18,
        "      bbbbbbbbbbbb  c",
        "x     b             c d e f",
    ]


def test_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    lines = laid_out(["NAME", "V"], ["漢字", "1"], ["e\u0301", "2"])
    assert lines == ["NAME  V", "漢字  1", "e\u0301     2"]


def test_nothing_of_a_cell_reaches_the_terminal_as_a_command() -> None:
    assert laid_out(["a\x1b[31m\r\nb", "\u202e"]) == [r"a\x1b[31m\r\nb  \u202e"]


def test_colours_are_only_where_they_are_wanted_and_move_nothing() -> None:
    rows = [["NAME", "STATE", "X"], ["a", Styled("lost", BAD), "1"]]
    assert list(table(rows, width=40)) == ["NAME  STATE  X", "a     lost   1"]
    assert list(table(rows, width=40, is_colored=True)) == [
        "\x1b[1mNAME\x1b[0m  \x1b[1mSTATE\x1b[0m  \x1b[1mX\x1b[0m",
        "a     \x1b[1;31mlost\x1b[0m   1",
    ]


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=9), st.text()), max_size=5))
def test_every_line_can_be_printed_and_fits_unless_a_name_alone_does_not(
    cells: list[tuple[str, str, str]],
) -> None:
    rows = [[name, origin, OneLine(value)] for name, origin, value in cells]
    names = {printable(name) for name, _, _ in cells}
    for line in laid_out(["NAME", "ORIGIN", "VALUE"], *rows, width=120):
        assert line.isprintable()
        assert cell_len(line) <= 120 or line in names
