"""Durations as people write them."""

import re

from telexec_client.cli.errors import CommandError

_UNIT_S = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
# At most nine digits: no duration that is written by mistake overflows a number on the wire.
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|)")
_SHORTEST_S = 0.001


class InvalidDurationError(CommandError):
    """A text is not a duration of at least a millisecond."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"cannot use {text!r} as a duration: write 500ms, 30s, 5m, 1h or a number of seconds"
        )


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    Args:
        text: A decimal number and one of the units `ms`, `s`, `m`, `h`; without a unit: seconds.

    Raises:
        InvalidDurationError: It is written otherwise, or is less than a millisecond.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InvalidDurationError(text)
    number, unit = match.groups()
    duration_s = float(number) * _UNIT_S[unit]
    if duration_s < _SHORTEST_S:
        raise InvalidDurationError(text)
    return duration_s
