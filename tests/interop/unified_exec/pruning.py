"""More processes than may live at once: one of them has to go."""

import os
import signal
from collections.abc import Generator
from pathlib import Path

from tests.harness.deadline import eventually_blocking
from tests.harness.scripted_model import Script, ToolCall, ToolResult
from tests.interop.unified_exec.stage import Stage, alive, scenario, wording

_LIVE = 64
"""As many may live at once."""

_PROBED = _LIVE + 5
"""The first of the moments that tell who is there."""


@scenario(
    *wording(
        *range(_PROBED, _PROBED + 3),
        codex=r"Unknown process id \d+",
        ours=r"cannot find session \d+: .*",
    ),
    *wording(
        *range(_PROBED + 3, _PROBED + 7),
        codex=r"stdin is closed for this session; rerun exec_command with tty=true .*",
        ours=r"cannot write to session \d+: .* stdin is closed; .* with tty=true",
    ),
    is_alone=True,
)
def one_that_ended_goes_first_and_then_the_one_used_longest_ago(stage: Stage) -> Script:
    sessions: list[int] = []
    pids: list[int] = []

    def start(*, tty: bool = False) -> Generator[ToolCall, ToolResult, None]:
        name = f"pid-{len(sessions)}"
        result = yield from stage.exec_command(
            f"echo $$ >new; mv new {name}; exec sleep 600",
            login=False,
            tty=tty,
            yield_time_ms=250,
        )
        sessions.append(alive(result))
        stage.await_file(name)
        pids.append(int((stage.directory / name).read_text()))

    for number in range(_LIVE):
        yield from start(tty=number == 1)
    # So the ones used longest ago are the first, the third, the fourth, and so on.
    yield from stage.write_stdin(sessions[1], "used")
    for number in (0, 2):
        yield from start()
        _await_end(pids[number])
    os.kill(pids[10], signal.SIGKILL)
    _await_end(pids[10])
    # The answer to this comes behind the news of that end.
    yield from stage.write_stdin(sessions[1], "used")
    yield from start()
    for number in (0, 2, 10, 3, 4, _LIVE, _LIVE + 2):
        yield from stage.write_stdin(sessions[number], "is it there?")


def _await_end(pid: int) -> None:
    process = Path(f"/proc/{pid}")
    eventually_blocking(lambda: not process.exists(), what=f"the end of process {pid}")
