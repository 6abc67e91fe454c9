import pytest

from telexec_client.cli.request import InvalidArgumentError, check_argv


def test_an_argument_that_is_not_utf8_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidArgumentError, match="argument 2: it is not UTF-8"):
        check_argv(["echo", "a", "\udcff"])


def test_a_program_needs_a_name() -> None:
    with pytest.raises(InvalidArgumentError, match="without a name"):
        check_argv(["", "a"])


def test_empty_and_odd_arguments_go_through() -> None:
    assert check_argv(["sh", "", "-c", "é\n"]) == ("sh", "", "-c", "é\n")
