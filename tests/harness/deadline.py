"""The only place with timeouts: how long a test waits for what it expects to happen.

Generous, because they decide nothing but how soon a broken test gives up.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")

DEADLINE_S = 30.0
"""For one event on a machine with too few processors."""

POLL_S = 0.01
"""Between two looks at something that cannot be waited for."""


async def within(waited: Awaitable[Result], *, what: str, deadline_s: float = DEADLINE_S) -> Result:
    """Return what is awaited; `what` names it when it does not come in time."""
    scope = asyncio.timeout(deadline_s)
    try:
        async with scope:
            return await waited
    except TimeoutError:
        # A timeout of the code under test is its own and passes through.
        if not scope.expired():
            raise
        raise AssertionError(f"waited {deadline_s:g} s in vain for {what}") from None


async def eventually(
    condition: Callable[[], Result],
    *,
    what: str = "the condition",
    deadline_s: float = DEADLINE_S,
) -> Result:
    """Return the first true result of `condition`, which is asked again and again until then."""
    give_up_at = time.monotonic() + deadline_s
    while not (result := condition()):
        if time.monotonic() >= give_up_at:
            raise AssertionError(f"waited {deadline_s:g} s in vain for {what}; it is {result!r}")
        await asyncio.sleep(POLL_S)
    return result


def eventually_blocking(
    condition: Callable[[], Result],
    *,
    what: str = "the condition",
    deadline_s: float = DEADLINE_S,
) -> Result:
    """Do as `eventually` does, for code without an event loop."""
    give_up_at = time.monotonic() + deadline_s
    while not (result := condition()):
        if time.monotonic() >= give_up_at:
            raise AssertionError(f"waited {deadline_s:g} s in vain for {what}; it is {result!r}")
        time.sleep(POLL_S)
    return result
