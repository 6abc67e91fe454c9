"""The numbers that commands are called by."""

import secrets
from collections.abc import Container, Iterator

FIRST_SESSION_ID = 1_000
LAST_SESSION_ID = 99_999
"""Between these: short enough for a model to copy without a mistake."""


class SessionIds:
    """Gives numbers. None comes twice before all have been given.

    It begins anywhere: a number that a model has from an earlier time is unlikely to be another
    command's now.
    """

    def __init__(self) -> None:
        self._numbers = self._all()

    def next(self, taken: Container[int]) -> int:
        """Return the next one that is not taken; not all may be."""
        return next(number for number in self._numbers if number not in taken)

    @staticmethod
    def _all() -> Iterator[int]:
        count = LAST_SESSION_ID - FIRST_SESSION_ID + 1
        number = secrets.randbelow(count)
        while True:
            yield FIRST_SESSION_ID + number
            number = (number + 1) % count
