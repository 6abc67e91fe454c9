import pytest

from telexec_client.cli.request import overlay, unset_names
from telexec_client.cli.variables import InvalidVariableError, parse_variable

CALLERS = {"SET": "here", "EMPTY": "", "LATIN": "caf\udce9"}.get


@pytest.mark.parametrize(
    ("argument", "variable"),
    [
        ("A=1", ("A", "1")),
        ("A=", ("A", "")),
        ("A=b=c", ("A", "b=c")),
        ("A= spaced ", ("A", " spaced ")),
        ("A=é\n", ("A", "é\n")),
        ("SET", ("SET", "here")),
        ("EMPTY", ("EMPTY", "")),
        ("SET=there", ("SET", "there")),
    ],
)
def test_a_variable_has_the_value_that_is_written_or_the_callers(
    argument: str, variable: tuple[str, str]
) -> None:
    assert parse_variable(argument, CALLERS) == variable


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("=1", "no name"),
        ("", "no name"),
        ("MISSING", "MISSING: it is not set here"),
        ("LATIN", "LATIN: it is not UTF-8"),
        ("A=\udcff", "A: it is not UTF-8"),
    ],
)
def test_a_variable_that_cannot_be_sent_is_refused_by_name(argument: str, why: str) -> None:
    with pytest.raises(InvalidVariableError, match=why):
        parse_variable(argument, CALLERS)


def test_a_refusal_never_shows_the_value_of_a_callers_variable() -> None:
    with pytest.raises(InvalidVariableError) as refusal:
        parse_variable("LATIN", CALLERS)
    assert "caf" not in str(refusal.value)


def test_later_files_go_over_earlier_ones_and_arguments_over_files() -> None:
    files = [{"A": "1", "B": "1", "C": "1"}, {"B": "2", "C": "2"}]
    assert overlay(files, ["C=3", "D=3", "D=4"], {}.get) == {"A": "1", "B": "2", "C": "3", "D": "4"}


@pytest.mark.parametrize("argument", ["", "A=1", "\udcff"])
def test_what_is_no_name_cannot_be_unset(argument: str) -> None:
    with pytest.raises(InvalidVariableError, match="cannot unset"):
        unset_names([argument], {})


def test_a_name_cannot_be_both_set_and_unset() -> None:
    with pytest.raises(InvalidVariableError, match="both set and unset A"):
        unset_names(["B", "A"], {"A": "1"})
