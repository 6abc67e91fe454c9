"""Text for a model that pays for each token: the middle of a long one is left out."""

from telexec_client.unified_exec.core.bounds import BYTES_PER_TOKEN
from telexec_client.unified_exec.core.utf8 import boundary_after, boundary_before


def tokens_of_bytes(size_bytes: int) -> int:
    """Return roughly how many tokens so much UTF-8 is."""
    return -(-size_bytes // BYTES_PER_TOKEN)


def truncate_middle(text: bytes, max_tokens: int) -> bytes:
    """Return valid UTF-8 with its middle left out, and a marker there, if it is too long.

    Of the budget, half goes to the beginning and half to the end; the marker comes on top.
    """
    budget_bytes = max_tokens * BYTES_PER_TOKEN
    if len(text) <= budget_bytes:
        return text
    left_bytes = budget_bytes // 2
    head = text[: boundary_before(text, left_bytes)]
    tail = text[boundary_after(text, len(text) - (budget_bytes - left_bytes)) :]
    marker = f"…{tokens_of_bytes(len(text) - budget_bytes)} tokens truncated…"
    return head + marker.encode() + tail


def count_lines(text: str) -> int:
    """Return how many lines there are; the last one need not be ended."""
    return text.count("\n") + (not text.endswith("\n") and text != "")
