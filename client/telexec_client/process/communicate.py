"""Giving a process all its input while all its output is taken."""

import asyncio
from typing import TYPE_CHECKING

from telexec_client.completed import CompletedProcess
from telexec_client.errors import (
    ConnectionLostError,
    ProcessNotFoundError,
    SessionLostError,
    StdinClosedError,
    TelexecError,
)

if TYPE_CHECKING:
    from telexec_client.process.process import Process


async def feed_and_wait(
    process: "Process", data: bytes, *, timeout_s: float | None, max_output_bytes: int
) -> CompletedProcess:
    """Write all input, end it, and wait for the end of the process; see `Process.communicate`."""
    failures: list[TelexecError] = []

    async def feed() -> None:
        try:
            if data:
                await process.write(data)
            await process.close_stdin()
        except (StdinClosedError, ProcessNotFoundError):
            pass  # It did not want all of it.
        except (ConnectionLostError, SessionLostError):
            pass  # Who waits for the process is told the same.
        except TelexecError as error:
            # It would wait for ever for the rest.
            failures.append(error)
            await process.terminate()

    completed: CompletedProcess | None = None
    async with asyncio.TaskGroup() as tasks:
        feeding = tasks.create_task(feed(), name="telexec input")
        try:
            completed = await process.wait(timeout_s, max_output_bytes=max_output_bytes)
        except TelexecError as error:
            failures.append(error)
        finally:
            # Whatever is not written now has no reader any more.
            feeding.cancel()
    if failures or completed is None:
        raise failures[0]
    return completed
