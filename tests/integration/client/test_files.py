"""Files of a host."""

import os
from pathlib import Path

import pytest

from telexec_client import Client, TreeEntry, errors


def is_there(path: str) -> bool:
    return Path(path).exists()


async def test_a_file_is_written_read_copied_and_removed(client: Client, tmp_path: Path) -> None:
    files = client.files
    path = str(tmp_path / "a file ü")
    content = os.urandom(100_000)
    await files.write(path, content)
    assert await files.read(path) == content
    metadata = await files.metadata(path)
    assert (metadata.is_file, metadata.is_directory, metadata.size) == (True, False, 100_000)
    await files.copy(path, path + ".copy")
    assert (tmp_path / "a file ü.copy").read_bytes() == content
    await files.remove(path)
    assert not is_there(path)


async def test_directories_are_made_listed_walked_and_removed(
    client: Client, tmp_path: Path
) -> None:
    files = client.files
    top = str(tmp_path / "top")
    await files.make_directory(top + "/a/b", parents=True)
    await files.make_directory(top + "/a/b", parents=True)
    await files.write(top + "/a/file", b"")
    names = {entry.file_name: entry.is_directory for entry in await files.list(top + "/a")}
    assert names == {"b": True, "file": False}
    tree = await files.walk(top)
    assert list(tree.entries) == [
        TreeEntry(top + "/a", "directory"),
        TreeEntry(top + "/a/b", "directory"),
        TreeEntry(top + "/a/file", "file"),
    ]
    assert not tree.is_truncated
    assert (await files.walk(top, max_entries=1)).is_truncated
    await files.copy(top, top + "2", recursive=True)
    assert is_there(top + "2/a/b")
    await files.remove(top, recursive=True)
    assert not is_there(top)


async def test_a_link_is_resolved(client: Client, tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to("target")
    resolved = await client.files.canonicalize(str(tmp_path / "link"))
    assert resolved == str((tmp_path / "target").resolve())


async def test_a_large_file_is_read_in_blocks(client: Client, tmp_path: Path) -> None:
    content = os.urandom(2_500_000)
    (tmp_path / "large").write_bytes(content)
    async with client.files.open(str(tmp_path / "large")) as file:
        blocks = [block async for block in file]
        assert await file.read(1_000_000, 10) == content[1_000_000:1_000_010]
        assert await file.read(2_500_000) == b""
    assert b"".join(blocks) == content
    assert len(blocks) == 3


async def test_what_cannot_be_done_has_its_own_error(client: Client, tmp_path: Path) -> None:
    files = client.files
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    at = str(tmp_path)
    with pytest.raises(errors.FileMissingError) as missing:
        await files.read(at + "/missing")
    assert missing.value.path == at + "/missing"
    with pytest.raises(errors.FileKindError):
        await files.read(at)
    with pytest.raises(errors.FileKindError):
        await files.list(at + "/file")
    with pytest.raises(errors.FileKindError):
        await files.open(at)
    with pytest.raises(errors.FileAlreadyThereError):
        await files.make_directory(at + "/full")
    with pytest.raises(errors.DirectoryNotEmptyError):
        await files.remove(at + "/full")
    with pytest.raises(errors.FileMissingError):
        await files.remove(at + "/missing")
    await files.remove(at + "/missing", missing_ok=True)
    for path in ("relative", "", "/a\0b"):
        with pytest.raises(errors.InvalidPathError):
            await files.metadata(path)


async def test_what_is_too_large_is_not_even_sent(client: Client, tmp_path: Path) -> None:
    extensions = client.extensions
    assert extensions is not None
    with pytest.raises(errors.RequestTooLargeError) as refusal:
        await client.files.write(str(tmp_path / "f"), bytes(extensions.limits.max_frame_bytes))
    assert refusal.value.limit_bytes == extensions.limits.max_frame_bytes
    await client.files.write(str(tmp_path / "f"), b"small")
