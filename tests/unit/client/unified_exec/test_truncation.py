"""Text within a budget of tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.unified_exec.core.truncation import (
    count_lines,
    tokens_of_bytes,
    truncate_middle,
)

BUDGETS = st.integers(0, 30)


@given(st.text(), BUDGETS)
def test_what_fits_is_left_alone_and_what_does_not_loses_its_middle(
    text: str, max_tokens: int
) -> None:
    data = text.encode()
    shown = truncate_middle(data, max_tokens)
    if len(data) <= 4 * max_tokens:
        assert shown == data
        return
    removed = tokens_of_bytes(len(data) - 4 * max_tokens)
    marker = f"…{removed} tokens truncated…".encode()
    head, found, tail = shown.partition(marker)
    assert found
    assert data.startswith(head)
    assert data.endswith(tail)
    assert len(head) + len(tail) <= 4 * max_tokens
    shown.decode()


@pytest.mark.parametrize(
    ("text", "max_tokens", "shown"),
    [
        ("example output", 1, "ex…3 tokens truncated…ut"),
        ("example output", 0, "…4 tokens truncated…"),
        ("é" * 10, 2, "éé…3 tokens truncated…éé"),
        # Half a budget that ends in the middle of a character holds one less.
        ("€" * 10, 2, "€…6 tokens truncated…€"),
        ("", 0, ""),
    ],
)
def test_half_of_the_budget_is_for_the_beginning_and_half_for_the_end(
    text: str, max_tokens: int, shown: str
) -> None:
    assert truncate_middle(text.encode(), max_tokens).decode() == shown


def test_a_token_is_four_bytes_and_a_part_of_one_counts() -> None:
    assert [tokens_of_bytes(size) for size in (0, 1, 4, 5, 8)] == [0, 1, 1, 2, 2]


@pytest.mark.parametrize(("text", "lines"), [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n", 1)])
def test_the_last_line_need_not_be_ended(text: str, lines: int) -> None:
    assert count_lines(text) == lines
