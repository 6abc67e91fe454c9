"""Jobs at the same time."""

import asyncio
from collections.abc import Awaitable, Callable


async def repeat(job: Callable[[int], Awaitable[None]], count: int, *, at_once: int) -> None:
    """Do a job so many times, numbered from 0, so many of them at the same time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await job(number)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(work(), name="worker")
