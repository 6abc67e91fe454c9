"""Files through a real service: over every transport, under load, and beyond one connection."""

import asyncio
import base64
import hashlib
import os
import signal
from pathlib import Path

import pytest

from telexec_schemas.file_uri import path_to_uri
from tests.harness.deadline import eventually
from tests.harness.raw_peer import RawPeer, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service

MIB = 1024 * 1024


def uri(path: str | Path) -> str:
    return path_to_uri(str(path))


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def files_held_open(server: Server, directory: Path) -> list[str]:
    return [target for target in server.open_fds().values() if target.startswith(str(directory))]


async def test_a_large_file_is_written_and_read_back_over_any_transport(
    any_peer: RawPeer, tmp_path: Path
) -> None:
    content = os.urandom(32 * MIB)
    await any_peer.request(
        "fs/writeFile", {"path": uri(tmp_path / "file"), "dataBase64": encoded(content)}
    )
    read = await any_peer.request("fs/readFile", {"path": uri(tmp_path / "file")})
    received = base64.b64decode(read["dataBase64"], validate=True)
    assert hashlib.sha256(received).digest() == hashlib.sha256(content).digest()


async def test_a_file_above_the_limit_is_read_in_blocks(peer: RawPeer, tmp_path: Path) -> None:
    content = os.urandom(MIB) * 33
    (tmp_path / "file").write_bytes(content)
    error = await peer.refusal("fs/readFile", {"path": uri(tmp_path / "file")})
    assert error.data == {
        "reason": "limitReached",
        "subject": "max_file_bytes",
        "limit": 32 * MIB,
    }
    await peer.request("fs/open", {"handleId": "h", "path": uri(tmp_path / "file")})
    digest = hashlib.sha256()
    offset, eof = 0, False
    while not eof:
        block = await peer.request("fs/readBlock", {"handleId": "h", "offset": offset, "len": MIB})
        chunk = base64.b64decode(block["chunk"], validate=True)
        digest.update(chunk)
        offset, eof = offset + len(chunk), block["eof"]
    assert offset == len(content)
    assert digest.digest() == hashlib.sha256(content).digest()


async def test_an_error_says_what_it_is_about_in_words_and_for_programs(
    any_peer: RawPeer, tmp_path: Path
) -> None:
    error = await any_peer.refusal("fs/readFile", {"path": uri(tmp_path / "missing")})
    assert error.code == -32004
    assert error.message == f"cannot read {tmp_path}/missing: no such file or directory"
    assert error.data == {"reason": "pathNotFound", "subject": f"{tmp_path}/missing"}


async def test_an_error_about_a_name_that_is_not_utf8_is_told(
    any_peer: RawPeer, tmp_path: Path
) -> None:
    error = await any_peer.refusal("fs/readFile", {"path": uri(tmp_path) + "/b%FF"})
    assert (error.code, error.reason) == (-32004, "pathNotFound")


@pytest.mark.parametrize(
    "method",
    [
        "getMetadata",
        "readFile",
        "writeFile",
        "readDirectory",
        "createDirectory",
        "canonicalize",
        "remove",
        "copy",
        "walk",
        "open",
    ],
)
async def test_no_file_is_touched_for_whoever_wants_a_sandbox(
    peer: RawPeer, tmp_path: Path, method: str
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    path = uri(tmp_path / "file")
    params_of_any = {
        "path": path,
        "sourcePath": path,
        "destinationPath": path + "2",
        "recursive": True,
        "dataBase64": "",
        "handleId": "h",
        "options": {"maxDepth": 1, "maxDirectories": 1, "maxEntries": 1},
    }
    error = await peer.refusal(f"fs/{method}", {**params_of_any, "sandbox": {"permissions": {}}})
    assert (error.code, error.reason) == (-32602, "sandboxUnavailable")
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


async def test_hundreds_of_requests_at_once_are_each_answered(
    peer: RawPeer, tmp_path: Path
) -> None:
    contents = {str(number): os.urandom(number * 37) for number in range(300)}
    writes = [
        await peer.ask(
            "fs/writeFile", {"path": uri(tmp_path / name), "dataBase64": encoded(content)}
        )
        for name, content in contents.items()
    ]
    for request_id in writes:
        await peer.answer(request_id)
    reads = {
        name: await peer.ask("fs/readFile", {"path": uri(tmp_path / name)}) for name in contents
    }
    for name, content in contents.items():
        assert (await peer.answer(reads[name]))["dataBase64"] == encoded(content)


async def test_paths_are_right_while_processes_start_in_other_directories(
    peer: RawPeer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"content")

    async def start() -> None:
        processes = [await peer.start(["/bin/true"], cwd=uri(tmp_path)) for _ in range(20)]
        for process in processes:
            assert await process.exit_code() == 0

    async def look() -> None:
        for _ in range(50):
            made = uri(tmp_path / "a" / "b")
            await peer.request("fs/createDirectory", {"path": made})
            assert (await peer.request("fs/canonicalize", {"path": made}))["path"] == made
            await peer.request("fs/remove", {"path": uri(tmp_path / "a")})

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(start(), name="starts")
        tasks.create_task(look(), name="looks")
    assert os.listdir(tmp_path) == ["file"]


async def test_a_handle_outlives_its_connection_and_is_read_after_a_resume(
    service: Server, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    async with raw_peer(service.url) as first:
        await first.request("fs/open", {"handleId": "h", "path": uri(tmp_path / "file")})
    async with raw_peer(service.url, resume=first.session_id) as second:
        block = await second.request("fs/readBlock", {"handleId": "h", "offset": 3, "len": 9})
    assert base64.b64decode(block["chunk"]) == b"tent"


async def test_a_handle_belongs_to_its_session(service: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    async with raw_peer(service.url) as owner, raw_peer(service.url) as other:
        await owner.request("fs/open", {"handleId": "h", "path": uri(tmp_path / "file")})
        error = await other.refusal("fs/readBlock", {"handleId": "h", "offset": 0, "len": 1})
        assert error.reason == "handleUnknown"
        await other.request("fs/close", {"handleId": "h"})
        await owner.request("fs/readBlock", {"handleId": "h", "offset": 0, "len": 1})


async def test_a_session_that_is_over_holds_no_file_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "service").mkdir()
    with running_service(tmp_path / "service", config="[sessions]\nlease_s = 0.1\n") as server:
        async with raw_peer(server.url) as peer:
            for number in range(5):
                await peer.request(
                    "fs/open", {"handleId": str(number), "path": uri(tmp_path / "file")}
                )
            assert len(files_held_open(server, tmp_path / "file")) == 5
        await eventually(
            lambda: not files_held_open(server, tmp_path / "file"), what="the end of the lease"
        )


async def test_a_long_copy_does_not_hold_up_the_end_of_the_service(tmp_path: Path) -> None:
    source, copy, count = tmp_path / "source", tmp_path / "copy", 30_000
    source.mkdir()
    for number in range(count):
        (source / str(number)).write_bytes(b"content")
    (tmp_path / "service").mkdir()
    with running_service(tmp_path / "service") as server:
        async with raw_peer(server.url) as peer:
            await peer.ask(
                "fs/copy",
                {"sourcePath": uri(source), "destinationPath": uri(copy), "recursive": True},
            )
            await eventually(lambda: copy.is_dir() and os.listdir(copy), what="the first copies")
            server.send_signal(signal.SIGTERM)
            assert await server.ended() == 0
    copied = os.listdir(copy)
    assert len(copied) < count
    assert {(copy / name).read_bytes() for name in copied} == {b"content"}
