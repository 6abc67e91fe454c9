"""Let the real Codex work on an executor: `codex_session.py HOST COMMAND`.

Reports what the command printed, its exit code and Codex's own.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.compose.programs.hosts import HOSTS, report
from tests.harness.codex import NamedUrl, run_codex
from tests.harness.scripted_model import Script, exec_command, until_exit


def script(command: str, ended: list[tuple[int, str]]) -> Script:
    result = yield exec_command(command)
    ended.append((yield from until_exit(result)))


async def main(host: str, token: str, command: str) -> None:
    ended: list[tuple[int, str]] = []
    with tempfile.TemporaryDirectory() as directory:
        # It must be there on both sides: Codex asks for it where it runs.
        session = await run_codex(
            Path("/codex/codex"),
            NamedUrl(HOSTS[host]["url"], token),
            script(command, ended),
            directory=Path(directory),
            workspace=Path("/workspace"),
            inherit="all",
        )
    ((exit_code, printed),) = ended
    report({"codex": session.exit_code, "exit_code": exit_code, "printed": printed})


asyncio.run(
    main(sys.argv[1], Path(HOSTS[sys.argv[1]]["token_file"]).read_text().strip(), sys.argv[2])
)
