"""Running a process to its end."""

import asyncio
from collections.abc import Collection, Mapping
from typing import TypedDict

from telexec_client.completed import CompletedProcess
from telexec_client.environment import PolicyChoice
from telexec_client.errors import ProcessFailedError
from telexec_client.process.communicate import feed_and_wait
from telexec_client.process.process import Process
from telexec_client.process.request import OnCancel
from telexec_schemas.process import Overflow, ProcessLimits


class RunOptions(TypedDict, total=False):
    """What `Client.run` takes besides what decides about bytes and text; see there."""

    env: Mapping[str, str] | None
    env_policy: PolicyChoice
    env_profile: str | None
    unset: Collection[str]
    cwd: str | None
    input: bytes | str | None
    tty: bool
    merge_stderr: bool
    timeout_s: float | None
    idle_timeout_s: float | None
    overflow: Overflow
    limits: ProcessLimits | None
    check: bool
    max_output_bytes: int
    on_cancel: OnCancel


async def run_to_end(
    process: Process,
    data: bytes | None,
    *,
    check: bool,
    max_output_bytes: int,
    on_cancel: OnCancel,
) -> CompletedProcess:
    """Write all input, read all output, and return how the process ended; see `Client.run`."""
    try:
        if data is None:
            completed = await process.wait(max_output_bytes=max_output_bytes)
        else:
            completed = await feed_and_wait(
                process, data, timeout_s=None, max_output_bytes=max_output_bytes
            )
    except asyncio.CancelledError:
        if on_cancel == "detach":
            process.detach()
        raise
    if check and completed.exit_code != 0:
        raise ProcessFailedError(completed)
    return completed
