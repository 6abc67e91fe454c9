"""Running a process to its end."""

import asyncio

from telexec_client.completed import CompletedProcess
from telexec_client.errors import (
    ConnectionLostError,
    ProcessFailedError,
    ProcessNotFoundError,
    SessionLostError,
    StdinClosedError,
    TelexecError,
)
from telexec_client.process.process import Process


async def run_to_end(
    process: Process, input_: bytes | None, *, check: bool, max_output_bytes: int
) -> CompletedProcess:
    """Write all input, read all output, and return how the process ended; see `Client.run`."""
    if input_ is None:
        completed = await process.wait(max_output_bytes=max_output_bytes)
    else:
        completed = await _feed_and_wait(process, input_, max_output_bytes)
    if check and completed.exit_code != 0:
        raise ProcessFailedError(completed)
    return completed


async def _feed_and_wait(process: Process, data: bytes, max_output_bytes: int) -> CompletedProcess:
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
            completed = await process.wait(max_output_bytes=max_output_bytes)
        except TelexecError as error:
            failures.append(error)
        finally:
            # Whatever is not written now has no reader any more.
            feeding.cancel()
    if failures or completed is None:
        raise failures[0]
    return completed
