"""How long a call waits and how much it returns: what is asked for, within what is allowed."""

MIN_YIELD_MS = 250
MAX_YIELD_MS = 30_000
"""A call that starts or writes something waits at least and at most so long."""

MIN_POLL_MS = 5_000
MAX_POLL_MS = 300_000
"""A call that only looks for output waits longer: a model that polls often pays for each answer."""

DEFAULT_EXEC_YIELD_MS = 10_000
DEFAULT_WRITE_YIELD_MS = 250
"""How long a call waits that does not say, before the bounds."""

BYTES_PER_TOKEN = 4
"""What a token is taken for, in bytes of UTF-8."""

DEFAULT_OUTPUT_TOKENS = 10_000
"""How much output a call returns that does not say."""

BUFFER_BYTES = 1024 * 1024
"""How much output of a command is held until the next call, half of it the first, half the last."""

MAX_OUTPUT_TOKENS = 1_000_000
"""More output than this is never returned: the buffer cannot hold more, not even as text."""

MAX_INPUT_BYTES = 1024 * 1024
"""The most that one call writes."""

MAX_COMMANDS = 64
"""How many commands there are at most that run, or whose end nobody was told."""

SPARED_COMMANDS = 8
"""How many of them, the ones used last, are never ended to make room."""


def clamp_exec_yield_ms(wanted_ms: int | None) -> int:
    """Return how long `exec_command` waits; `None`: nothing was said."""
    wanted = DEFAULT_EXEC_YIELD_MS if wanted_ms is None else wanted_ms
    return _within(wanted, MIN_YIELD_MS, MAX_YIELD_MS)


def clamp_write_yield_ms(wanted_ms: int | None, *, is_poll: bool) -> int:
    """Return how long `write_stdin` waits; `is_poll`: it writes nothing."""
    wanted = DEFAULT_WRITE_YIELD_MS if wanted_ms is None else wanted_ms
    if is_poll:
        return _within(wanted, MIN_POLL_MS, MAX_POLL_MS)
    return _within(wanted, MIN_YIELD_MS, MAX_YIELD_MS)


def clamp_output_tokens(wanted: int | None, limit: int = MAX_OUTPUT_TOKENS) -> int:
    """Return how much output a call returns, at most `limit` tokens."""
    return _within(DEFAULT_OUTPUT_TOKENS if wanted is None else wanted, 0, limit)


def _within(wanted: int, least: int, most: int) -> int:
    return max(least, min(wanted, most))
