"""When to try again."""

from collections.abc import Callable, Iterator

FIRST_DELAY_S = 0.05
LONGEST_DELAY_S = 1.0
LEASE_MARGIN = 0.1
"""The part of a lease that is not used: the host may have begun to count before we noticed."""

VACANT_FOR_S = 10.0
"""How long nobody may answer at the address of a host that hung up, until it is taken for ended.

Its sessions ended with it. A host that fell silent may be behind a broken network instead, and has
all of its lease.
"""


def delays_s(jitter: Callable[[], float]) -> Iterator[float]:
    """Give, without end, how long to wait before each attempt: nothing, then longer and longer.

    Args:
        jitter: Gives numbers from 0 to 1; each delay is between half of its step and the whole, so
            that clients that lost the same host do not come back in step.
    """
    yield 0.0
    step_s = FIRST_DELAY_S
    while True:
        yield step_s * (1 + jitter()) / 2
        step_s = min(step_s * 2, LONGEST_DELAY_S)


def resume_deadline(last_heard: float, lease_s: float) -> float:
    """Return when to give up resuming a session, so that we stop before the host forgets it.

    The lease is counted from when the host was last heard: it may have lost us right after.
    """
    return last_heard + lease_s * (1 - LEASE_MARGIN)
