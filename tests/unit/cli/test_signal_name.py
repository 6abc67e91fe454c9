import pytest

from telexec_client.cli.signal_name import InvalidSignalError, parse_signal


@pytest.mark.parametrize("text", ["TERM", "SIGTERM", "term", "sigterm", "15"])
def test_a_signal_has_a_name_and_a_number(text: str) -> None:
    assert parse_signal(text) == "SIGTERM"


@pytest.mark.parametrize("text", ["", "SIG", "FOO", "0", "999", "-9", "٣", "15 "])
def test_what_is_no_signal_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidSignalError, match="cannot use"):
        parse_signal(text)
