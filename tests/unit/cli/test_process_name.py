import pytest

from telexec_client.cli.process_name import (
    AmbiguousProcessError,
    InvalidProcessNameError,
    InvalidSessionNameError,
    NoSuchProcessError,
    ProcessName,
    checked_session_name,
    chosen,
    parse_process_name,
)
from tests.unit.cli.entries import entry


def test_a_session_alone_and_one_of_its_processes() -> None:
    assert parse_process_name("nightly") == ProcessName("nightly", None)
    assert parse_process_name("nightly/1b0e") == ProcessName("nightly", "1b0e")
    assert parse_process_name("s/a/b") == ProcessName("s", "a/b")


@pytest.mark.parametrize("text", ["", "/p", "s/", "a\nb"])
def test_what_is_no_process_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidProcessNameError, match="SESSION/PROCESS"):
        parse_process_name(text)


@pytest.mark.parametrize("text", ["", "-a", "a/b", "a b", "a" * 65, "a\n"])
def test_what_a_session_cannot_be_called_is_said(text: str) -> None:
    with pytest.raises(InvalidSessionNameError, match="letters"):
        checked_session_name(text)
    assert checked_session_name("a.b_c-1") == "a.b_c-1"


def test_the_beginning_of_an_id_names_a_process() -> None:
    a, b = entry("abc1"), entry("abd2")
    assert chosen(ProcessName("s", "abc"), [a, b]) is a
    assert chosen(ProcessName("s", "abd2"), [a, b]) is b


def test_a_whole_id_names_its_process_also_where_another_one_begins_with_it() -> None:
    a, b = entry("abc"), entry("abcd")
    assert chosen(ProcessName("s", "abc"), [b, a]) is a


def test_a_beginning_of_several_ids_names_them_all_in_its_error() -> None:
    many = [entry(f"abc{number}") for number in range(6)]
    with pytest.raises(AmbiguousProcessError, match=r"s/abc0, .*s/abc3 and 2 more"):
        chosen(ProcessName("s", "ab"), many)


def test_a_session_alone_means_what_runs_in_it_or_its_only_process() -> None:
    ended, running = entry("a", state="closed"), entry("b")
    assert chosen(ProcessName("s"), [ended, running]) is running
    assert chosen(ProcessName("s"), [ended]) is ended
    with pytest.raises(AmbiguousProcessError):
        chosen(ProcessName("s"), [running, entry("c")])
    with pytest.raises(AmbiguousProcessError):
        chosen(ProcessName("s"), [ended, entry("c", state="closed")])


def test_a_process_that_is_not_there_is_said_with_its_session() -> None:
    with pytest.raises(NoSuchProcessError, match=r"'zzz' in session 's'"):
        chosen(ProcessName("s", "zzz"), [entry("a")])
    with pytest.raises(NoSuchProcessError, match="any process"):
        chosen(ProcessName("s"), [])
