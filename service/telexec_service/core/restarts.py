"""When a worker that ended is started anew: at once, and ever later if that does not help."""

FIRST_DELAY_S = 1.0
MAX_DELAY_S = 60.0

STEADY_S = 60.0
"""A worker that ran for so long has done its work: what comes is not the same trouble again."""


class Restarts:
    """The starts of one worker."""

    def __init__(self) -> None:
        self._delay_s = 0.0

    def delay_s(self, ran_s: float) -> float:
        """Return how long after its end a worker that ran for `ran_s` is to be started anew."""
        if ran_s >= STEADY_S:
            self._delay_s = 0.0
        delay_s = self._delay_s
        self._delay_s = min(max(2 * delay_s, FIRST_DELAY_S), MAX_DELAY_S)
        return delay_s
