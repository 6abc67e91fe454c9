"""Real programs that say with which environment the kernel started them."""

import shutil
import sys
from typing import Any

from tests.harness import programs
from tests.harness.raw_peer import RawPeer

HEX_OF_ENVIRON = "od -An -v -tx1 /proc/{}/environ"
"""Hexadecimal, because a terminal would change line ends."""

REPORTERS: dict[str, list[str]] = {
    "cat": programs.tool("od", "-An", "-v", "-tx1", "/proc/self/environ"),
    # The colon keeps the shell: it would become the last command itself.
    "bash": programs.tool("bash", "-c", HEX_OF_ENVIRON.format("$$") + "; :"),
    "dash": programs.tool("dash", "-c", HEX_OF_ENVIRON.format("$$") + "; :"),
    "python": [sys.executable, "-c", "print(open('/proc/self/environ', 'rb').read().hex())"],
}
"""By the name of the program that starts."""

if shutil.which("perl"):
    REPORTERS["perl"] = programs.tool(
        "perl", "-e", "open F, '</proc/self/environ'; local $/; print unpack 'H*', <F>"
    )

PIPES_OR_PTY = {"pipes": False, "pty": True}


def parse_block(block: bytes) -> dict[str, str]:
    """Return the variables of a block as the kernel keeps it; each must be there once."""
    entries = block.decode("utf-8", "surrogateescape").split("\0")
    assert entries.pop() == ""
    environment = dict(entry.split("=", 1) for entry in entries)
    assert len(environment) == len(entries), f"a name is there twice: {entries}"
    return environment


async def environment_of(
    peer: RawPeer, *, reporter: str = "cat", tty: bool = False, **params: Any
) -> dict[str, str]:
    """Return the environment of a child that was started with these params."""
    process = await peer.start(REPORTERS[reporter], tty=tty, **params)
    assert await process.exit_code() == 0, process.output()
    block = bytes.fromhex(process.output().decode())
    return parse_block(block) if block else {}
