import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.cli.duration import InvalidDurationError, parse_duration


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("5m", 300),
        ("1h", 3600),
        ("7", 7),
        ("1.5s", 1.5),
        ("1ms", 0.001),
    ],
)
def test_a_number_and_a_unit_are_a_duration_in_seconds(text: str, duration_s: float) -> None:
    assert parse_duration(text) == duration_s


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "0",
        "0s",
        "0.4ms",
        "-1s",
        "+1s",
        "1 s",
        "1d",
        "1m30s",
        "inf",
        "nan",
        "1e3",
        "\uff11s",
        "1_0",
    ],
)
def test_what_is_no_duration_of_a_millisecond_or_more_is_refused_with_how_to_write_one(
    text: str,
) -> None:
    with pytest.raises(InvalidDurationError, match=r"cannot use .* write 500ms, 30s"):
        parse_duration(text)


@given(st.text(max_size=20))
def test_any_text_is_a_duration_that_fits_on_the_wire_or_refused(text: str) -> None:
    try:
        duration_s = parse_duration(text)
    except InvalidDurationError:
        return
    assert 1 <= round(duration_s * 1000) < 2**63
