"""Let the real Codex work on an executor: `codex_session.py HOST COMMAND`.

Reports what the command printed, its exit code and Codex's own. Codex shows a token only on
loopback, or over TLS that its own authorities vouch for, so it goes through a relay here, as
through a tunnel.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from tests.compose.programs.hosts import HOSTS, report
from tests.harness.codex import NamedUrl, run_codex
from tests.harness.scripted_model import Script, exec_command, until_exit


def script(command: str, ended: list[tuple[int, str]]) -> Script:
    result = yield exec_command(command)
    ended.append((yield from until_exit(result)))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main(url: str, token: str, command: str) -> None:
    target = urlsplit(url)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(copy(reader, to_writer), copy(to_reader, writer))

    ended: list[tuple[int, str]] = []
    async with await asyncio.start_server(relay, "127.0.0.1") as tunnel:
        port = tunnel.sockets[0].getsockname()[1]
        with tempfile.TemporaryDirectory() as directory:
            session = await run_codex(
                Path("/codex/codex"),
                NamedUrl(f"ws://127.0.0.1:{port}", token),
                script(command, ended),
                directory=Path(directory),
                # It must be there on both sides: Codex looks at it where it runs.
                workspace=Path("/workspace"),
                inherit="all",
            )
        ((exit_code, printed),) = ended
        report({"codex": session.exit_code, "exit_code": exit_code, "printed": printed})


host = HOSTS[sys.argv[1]]
asyncio.run(main(host["url"], Path(host["token_file"]).read_text().strip(), sys.argv[2]))
