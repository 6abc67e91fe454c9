"""Staying with a remote process up to its end."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, cast

from telexec_client.completed import PartialProcess
from telexec_client.errors import ProcessTimeoutError
from telexec_client.process import Process


async def accompany(
    process: Process,
    handing_on: Coroutine[Any, Any, None],
    aside: Mapping[str, Coroutine[Any, Any, None]],
) -> tuple[PartialProcess, bool]:
    """Hand on the process's output to its end, and return how it ended.

    Args:
        process: The process.
        handing_on: Takes its output, until there is none any more.
        aside: What is done meanwhile, each by its name; cancelled at the end.

    Returns:
        How it ended, and whether that was because its time was over.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            doing = [tasks.create_task(work, name=name) for name, work in aside.items()]
            await handing_on
            ended = await _end(process)
            for task in doing:
                task.cancel()
            return ended
    except BaseExceptionGroup as group:
        # All that can fail here fails for one reason, which the first of them tells.
        raise _first(group) from group


async def _end(process: Process) -> tuple[PartialProcess, bool]:
    try:
        return await process.wait(), False
    except ProcessTimeoutError as error:
        return error.completed, True


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group, or of the group that it is."""
    first = group.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _first(cast("BaseExceptionGroup[BaseException]", first))
    return first
