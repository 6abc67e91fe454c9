"""Nothing of a tree gets to act on the end of another part of it."""

from pathlib import Path

from tests.harness import programs
from tests.harness.raw_peer import RawPeer


async def test_a_script_does_not_go_on_because_its_command_was_killed(
    peer: RawPeer, tmp_path: Path
) -> None:
    for number in range(30):
        notes = tmp_path / str(number)
        script = 'echo ready; setsid -w sleep 600; echo went on > "$1"'
        process = await peer.start(
            programs.shell(script, str(notes)), env={"PATH": "/usr/bin:/bin"}
        )
        await process.until_output(b"ready\n")
        assert await process.terminate() is True
        await process.until_closed()
        assert not notes.exists()
