"""The audit log: who ran what, and how it ended."""

import hashlib
import json
import os
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import programs
from tests.harness.deadline import eventually
from tests.harness.http_request import get, http, page
from tests.harness.raw_peer import RawPeer, raw_peer
from tests.harness.server import Server, ServerFailedError
from tests.harness.service import running_service

TRUE: dict[str, Any] = {
    "processId": "late",
    "argv": ["/bin/true"],
    "cwd": "file:///",
    "env": {},
    "tty": False,
}


def records(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def recorded(file: Path, event: str) -> list[dict[str, Any]]:
    return [record for record in records(file) if record["event"] == event]


@contextmanager
def audited(directory: Path, config: str = "", **options: Any) -> Iterator[tuple[Server, Path]]:
    file = directory / "audit.log"
    flags = ["--audit-log", str(file)]
    # What is full for the audit log is full for compiled modules, too: half of one, left for others
    # to load, would break every service after this one.
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    with running_service(directory, config=config, options=flags, env=env, **options) as server:
        yield server, file


async def test_it_says_who_ran_what_and_how_it_ended(tmp_path: Path) -> None:
    with audited(tmp_path, guarded=True) as (server, file):
        async with raw_peer(server.url, token=server.token) as peer:
            process = await peer.start(programs.sleep(), cwd=tmp_path.as_uri())
            await process.signal("SIGINT")
            await process.until_closed()
        await http(server, get("/", "Authorization: Bearer wrong"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    started, signalled, ended, refused = records(file)
    assert server.token is not None
    digest = hashlib.sha256(hashlib.sha256(server.token.encode()).digest()).hexdigest()
    who = {"connection": 1, "token": digest[:8], "client": "raw peer"}
    assert {name: started[name] for name in who} == who
    assert started["address"].startswith("127.0.0.1:")
    assert started["event"] == "process.start"
    assert (started["cwd"], started["process_id"]) == (str(tmp_path), process.process_id)
    assert "argv" not in started
    assert signalled["event"] == "process.signal"
    assert signalled["signal"] == "SIGINT"
    assert {name: signalled[name] for name in who} == who
    assert (ended["event"], ended["signal"]) == ("process.end", "SIGINT")
    assert ended["process_id"] == process.process_id
    assert (refused["event"], refused["reason"]) == ("auth.failed", "wrong_token")


async def test_command_lines_are_recorded_where_the_host_says_so(tmp_path: Path) -> None:
    with audited(tmp_path, "[audit]\nargv = true\n") as (server, file):
        async with raw_peer(server.url) as peer:
            process = await peer.start(["/bin/echo", "a b", "\u00e9" * 10_000])
            await process.until_closed()
    (started,) = recorded(file, "process.start")
    assert started["program"] == "echo"
    assert started["argv"][:2] == ["/bin/echo", "a b"]
    assert len(started["argv"][2].encode()) < 5000


async def test_a_start_that_failed_is_recorded_as_such(tmp_path: Path) -> None:
    with audited(tmp_path) as (server, file):
        async with raw_peer(server.url) as peer:
            await peer.refusal("process/start", TRUE | {"argv": ["/no/such"]})
    started, refused = records(file)
    assert started["program"] == "such"
    assert (refused["event"], refused["reason"]) == ("process.refused", "programNotFound")


async def test_a_rotated_file_is_left_for_a_new_one(tmp_path: Path) -> None:
    with audited(tmp_path) as (server, file):
        async with raw_peer(server.url) as peer:
            await (await peer.start(programs.succeed())).until_closed()
            before = file.rename(tmp_path / "audit.log.1")
            server.send_signal(signal.SIGHUP)
            await eventually(file.exists)
            await (await peer.start(programs.succeed())).until_closed()
    assert len(records(before)) == len(records(file)) == 2


async def test_a_file_that_cannot_be_opened_again_is_kept(tmp_path: Path) -> None:
    with audited(tmp_path) as (server, file):
        async with raw_peer(server.url) as peer:
            before = file.rename(tmp_path / "audit.log.1")
            file.mkdir()
            server.send_signal(signal.SIGHUP)
            await eventually(lambda: "service.reload_failed" in server.log())
            await (await peer.start(programs.succeed())).until_closed()
    assert len(records(before)) == 2


def fill(server: Server, file: Path) -> None:
    """Have the file take no more, as a full disk does."""
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (file.stat().st_size, -1))


def relieve(server: Server) -> None:
    """Have the file take more again."""
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (-1, -1))


async def test_with_a_full_disk_the_service_goes_on_and_says_so_once(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    try:
        with audited(tmp_path, stderr=write_end) as (server, file):
            os.close(write_end)
            async with raw_peer(server.url) as peer:
                await (await peer.start(programs.succeed())).until_closed()
                fill(server, file)
                for _ in range(3):
                    await (await peer.start(programs.succeed())).until_closed()
                assert "telexec_audit_records_lost_total 6.0" in await page(server, "/metrics")
                relieve(server)
                await (await peer.start(programs.succeed())).until_closed()
        log = os.read(read_end, 65_536).decode()
    finally:
        os.close(read_end)
    said = [json.loads(line) for line in log.splitlines() if '"audit.' in line]
    assert [line["event"] for line in said] == ["audit.failed", "audit.resumed"]
    assert said[1]["lost"] == 6
    assert len(records(file)) == 4


async def test_where_it_is_required_nothing_starts_that_cannot_be_recorded(
    tmp_path: Path,
) -> None:
    with audited(tmp_path, "[audit]\nrequired = true\n") as (server, file):
        async with raw_peer(server.url) as peer:
            await (await peer.start(programs.succeed())).until_closed()
            fill(server, file)
            await refused_start(peer)
            assert not server.children()
            relieve(server)
            await (await peer.start(programs.succeed())).until_closed()


async def test_it_says_who_changed_which_files_and_what_failed(tmp_path: Path) -> None:
    new, file = tmp_path / "new", tmp_path / "new" / "file"
    copied, missing = tmp_path / "copied", tmp_path / "missing"
    with audited(tmp_path) as (server, log):
        async with raw_peer(server.url) as peer:
            await peer.request("fs/createDirectory", {"path": new.as_uri()})
            await peer.request("fs/writeFile", {"path": file.as_uri(), "dataBase64": "c2VjcmV0"})
            both = {"sourcePath": file.as_uri(), "destinationPath": copied.as_uri()}
            await peer.request("fs/copy", both)
            await peer.request("fs/readFile", {"path": copied.as_uri()})
            await peer.request("fs/remove", {"path": new.as_uri()})
            await peer.refusal("fs/remove", {"path": missing.as_uri(), "force": False})
            session = peer.session_id
    said = records(log)
    assert {(it["connection"], it["client"], it["session_id"]) for it in said} == {
        (1, "raw peer", session)
    }
    assert [(it["event"], it["method"], it["path"]) for it in said] == [
        ("file.change", "fs/createDirectory", str(new)),
        ("file.change", "fs/writeFile", str(file)),
        ("file.change", "fs/copy", str(file)),
        ("file.change", "fs/remove", str(new)),
        ("file.change", "fs/remove", str(missing)),
        ("file.refused", "fs/remove", str(missing)),
    ]
    assert said[2]["destination"] == str(copied)
    assert said[5]["reason"] == "pathNotFound"
    assert "c2VjcmV0" not in log.read_text()


async def test_where_it_is_required_no_file_is_changed_that_cannot_be_recorded(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    write = {"path": file.as_uri(), "dataBase64": "AAAA"}
    with audited(tmp_path, "[audit]\nrequired = true\n") as (server, log):
        async with raw_peer(server.url) as peer:
            fill(server, log)
            error = await peer.refusal("fs/writeFile", write)
            assert error.reason == "auditUnavailable"
            assert error.message.startswith("cannot change files: ")
            assert not file.exists()
            relieve(server)
            await peer.request("fs/writeFile", write)
    assert file.exists()


async def refused_start(peer: RawPeer) -> None:
    error = await peer.refusal("process/start", TRUE)
    assert error.reason == "auditUnavailable"
    assert error.message.startswith("cannot start a process: ")


@pytest.mark.parametrize("kind", ["directory", "fifo", "no directory"])
def test_a_file_that_cannot_be_one_is_said_at_the_start(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "audit.log"
    if kind == "directory":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file)
    else:
        file = tmp_path / "none" / "audit.log"
    with pytest.raises(ServerFailedError, match="cannot open the audit log"):  # noqa: SIM117
        with running_service(tmp_path, options=["--audit-log", str(file)]):
            pass
