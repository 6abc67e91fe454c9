"""What the log of a service holds, and what it never does."""

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.harness import programs
from tests.harness.deadline import eventually
from tests.harness.http_request import get, http
from tests.harness.raw_peer import raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service

DOCUMENT = Path(__file__).parents[3] / "docs/service.md"
SERVICE = Path(__file__).parents[3] / "service"
COMMON = {"timestamp", "level", "event"}

Line = dict[str, Any]


def lines(text: str) -> list[Line]:
    return [json.loads(line) for line in text.splitlines()]


def events(server: Server, name: str) -> list[Line]:
    return [line for line in lines(server.log()) if line["event"] == name]


def documented() -> dict[str, tuple[set[str], set[str], set[str]]]:
    """Return the levels, the fields and the optional fields of each event."""
    section = DOCUMENT.read_text().split("\n## Logs\n")[1].split("\n## ")[0]
    catalogue: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for row in re.findall(r"^\|( `.*)\|$", section, re.MULTILINE):
        names, levels, fields, _when = (cell.strip() for cell in row.split("|"))
        optional = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"\[(.*?)\]", fields))))
        every = set(re.findall(r"`(\w+)`", fields))
        for name in re.findall(r"`([\w.]+)`", names):
            catalogue[name] = (set(levels.split(", ")), every - optional, optional)
    return catalogue


def check(line: Line) -> None:
    levels, fields, optional = documented()[line["event"]]
    assert line["level"] in levels, line
    assert fields <= line.keys() - COMMON <= fields | optional, line


async def test_every_event_is_as_the_catalogue_says(tmp_path: Path) -> None:
    config = "[sessions]\nlease_s = 2\n"
    with running_service(tmp_path, guarded=True, config=config) as server:
        assert (await http(server, get("/")))[0] == 401
        async with raw_peer(server.url, token=server.token) as peer:
            process = await peer.start(programs.succeed())
            await process.until_closed()
            await peer.refusal("process/nothing")
            await peer.start(programs.sleep())
            session = peer.session_id
        await eventually(lambda: events(server, "session.detached"))
        async with raw_peer(server.url, token=server.token, resume=session):
            wish = {"attach": "takeOver"}
            async with raw_peer(server.url, token=server.token, resume=session, wish=wish):
                pass
        await eventually(lambda: events(server, "session.ended"))
        os.chmod(tmp_path / "token", 0o644)
        server.send_signal(signal.SIGHUP)
        await eventually(lambda: events(server, "service.reloaded"))
        (tmp_path / "token").write_text("")
        server.send_signal(signal.SIGHUP)
        await eventually(lambda: events(server, "service.reload_failed"))
    found = lines(server.log())
    for line in found:
        check(line)
    # The others need something to go wrong.
    usual = {name for name in documented() if re.match(r"(service|connection|session)\.", name)}
    usual |= {"rpc.completed", "process.ended", "token.file_exposed"}
    assert usual <= {line["event"] for line in found}


def test_every_event_of_the_catalogue_is_one_that_the_service_writes() -> None:
    sources = "".join(file.read_text() for file in SERVICE.rglob("*.py"))
    assert len(documented()) > 10
    assert [name for name in documented() if f'"{name}"' not in sources] == []


def test_every_event_that_the_service_writes_is_in_the_catalogue() -> None:
    sources = "".join(file.read_text() for file in SERVICE.rglob("*.py"))
    call = r"log\.(?:debug|info|warning|error|exception)\(\s*\"([\w.]+)\""
    written = set(re.findall(call, sources))
    assert len(written) > 10
    assert written <= documented().keys()


async def test_a_request_is_one_line_with_what_it_took(tmp_path: Path) -> None:
    with running_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.exit_with(3), processId="mine")
            await process.until_closed()
            await process.read()
            await peer.refusal("process/read", {"processId": "none"})
    requests = events(server, "rpc.completed")
    started, refused = requests[1:]
    assert started["method"] == "process/start"
    assert (started["outcome"], started["process_id"]) == ("ok", "mine")
    assert started["session_id"] == peer.session_id
    assert started["pid"] == process.started["pid"]
    assert started["bytes_in"] > 0 < started["bytes_out"]
    assert (refused["outcome"], refused["code"]) == ("error", -32600)
    assert refused["reason"] == "processUnknown"


async def test_a_process_is_one_line_with_how_it_ended(tmp_path: Path) -> None:
    with running_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(
                programs.shell("read x; echo $x; kill -9 $$"), pipeStdin=True
            )
            await process.write(b"seven.\n")
            await process.until_closed()
    (ended,) = events(server, "process.ended")
    assert (ended["exit_code"], ended["signal"], ended["reason"]) == (137, "SIGKILL", "signaled")
    assert (ended["output_bytes"], ended["stdin_bytes"], ended["lost_bytes"]) == (7, 7, 0)
    assert (ended["tty"], ended["pid"]) == (False, process.started["pid"])


async def test_reads_and_writes_are_shown_at_debug_only(tmp_path: Path) -> None:
    for level in ("info", "debug"):
        with running_service(tmp_path, options=["--log-level", level]) as server:
            async with raw_peer(server.url) as peer:
                process = await peer.start(programs.echo(), pipeStdin=True)
                await process.write(b"x")
                await process.read(waitMs=0)
        shown = {line["method"] for line in events(server, "rpc.completed")}
        frequent = {"process/read", "process/write"}
        assert shown & frequent == (frequent if level == "debug" else set())


def canaries() -> Iterator[str]:
    return (f"canary-{place}" for place in ("argv", "env", "stdin", "output", "path", "name"))


async def test_nothing_that_is_secret_is_in_logs_numbers_or_audit(tmp_path: Path) -> None:
    audit = tmp_path / "audit.log"
    options = ["--log-level", "debug", "--audit-log", str(audit)]
    with running_service(tmp_path, guarded=True, options=options) as server:
        secret_file = tmp_path / "canary-path"
        secret_file.write_text("canary-output")
        async with raw_peer(server.url, token=server.token) as peer:
            process = await peer.start(
                programs.shell("cat; cat canary-path # canary-argv"),
                cwd=tmp_path.as_uri(),
                env={"PATH": "/usr/bin:/bin", "canary-name": "canary-env"},
                pipeStdin=True,
            )
            await process.write(b"canary-stdin")
            await process.close_stdin()
            await process.until_closed()
            assert b"canary-stdincanary-output" in process.output()
            await peer.request("fs/readFile", {"path": secret_file.as_uri(), "sandbox": None})
            missing = f"{secret_file.as_uri()}-missing"
            await peer.refusal("fs/readFile", {"path": missing, "sandbox": None})
            await peer.refusal(
                "process/start",
                {
                    "processId": "x",
                    "argv": ["canary-argv"],
                    "cwd": "file:///",
                    "env": {"canary-name": "canary-env\0"},
                    "tty": False,
                },
            )
        _, numbers = await http(server, get("/metrics", f"Authorization: Bearer {server.token}"))
    assert server.token is not None
    assert lines(server.log())
    assert lines(audit.read_text())
    for text in (server.log(), numbers, audit.read_text()):
        for canary in (*canaries(), server.token):
            assert canary not in text


async def test_a_reader_that_stops_holds_nobody_up_and_learns_what_it_missed(
    tmp_path: Path,
) -> None:
    for options in ([], ["--no-uvloop"]):
        read_end, write_end = os.pipe()
        try:
            with running_service(tmp_path, stderr=write_end, options=options) as server:
                os.close(write_end)
                async with raw_peer(server.url) as peer:
                    for _ in range(10_000):
                        await peer.request("environment/info")
                    text = await asyncio.to_thread(_read_until, read_end, b'"log.dropped"')
                    await peer.request("environment/info")
                    server.send_signal(signal.SIGTERM)
                    text += await asyncio.to_thread(_read_all, read_end)
                    await server.ended()
        finally:
            os.close(read_end)
        log = lines(text.decode())
        dropped = sum(line["lines"] for line in log if line["event"] == "log.dropped")
        told = [line for line in log if line.get("method") == "environment/info"]
        assert dropped > 0
        assert len(told) + dropped == 10_001
        assert log[-1]["event"] == "service.stopped"


def _read_until(descriptor: int, wanted: bytes) -> bytes:
    text = b""
    while wanted not in text or not text.endswith(b"\n"):
        text += os.read(descriptor, 65_536)
    return text


def _read_all(descriptor: int) -> bytes:
    text = b""
    while data := os.read(descriptor, 65_536):
        text += data
    return text
