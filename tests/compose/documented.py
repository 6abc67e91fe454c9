"""An executor that was started by the commands of docs/containers.md, as they stand there."""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.compose.docker import COMMAND_DEADLINE_S, PORT, Container, DockerError, docker
from tests.deploy.documented import shell_blocks
from tests.harness.deadline import eventually_blocking


@dataclass(frozen=True)
class DocumentedExecutor:
    """An executor behind a port of this machine.

    Attributes:
        directory: Where the commands were run, with the file `token`.
        said: What they printed.
    """

    container: Container
    address: str
    directory: Path
    said: str

    def telexec_run(self, script: str) -> str:
        """Have it run a shell script; return the output."""
        url = ["--url", f"ws://{self.address}", "--token-file", "token"]
        return shell(["telexec", "run", *url, "--", "sh", "-c", script], self.directory)

    def takes_token(self) -> bool:
        """Whether it takes the one that is in the file now."""
        try:
            return self.telexec_run("echo in") == "in\n"
        except DockerError:
            return False


@contextmanager
def documented_executor(heading: str, image: str, directory: Path) -> Generator[DocumentedExecutor]:
    """Start one by the last block of commands under a heading, until the end of the block.

    The page's image, name and port are exchanged: others may use them here.
    """
    name = f"telexec-{uuid.uuid4().hex[:8]}"
    address = f"127.0.0.1:{free_port()}"
    commands = shell_blocks(heading, "containers.md")[-1]
    for shown, meant in {
        "--name executor": f"--name {name}",
        "docker exec executor": f"docker exec {name}",
        f"127.0.0.1:{PORT}": address,
        "TELEXEC_PLAINTEXT=1 telexec\n": f"TELEXEC_PLAINTEXT=1 {image}\n",
        "TELEXEC_PLAINTEXT=1 your/executor\n": f"TELEXEC_PLAINTEXT=1 {image}\n",
    }.items():
        commands = commands.replace(shown, meant)
    assert image in commands
    try:
        said = shell(["bash", "-euc", commands], directory)
        executor = DocumentedExecutor(Container(name), address, directory, said)
        eventually_blocking(executor.takes_token, what="the executor to serve")
        yield executor
    finally:
        docker("rm", "--force", "--volumes", name)


def shell(argv: list[str], directory: Path) -> str:
    """Run a command as a reader of the page would, who has installed telexec."""
    done = subprocess.run(
        argv,
        check=False,
        cwd=directory,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_DEADLINE_S,
    )
    if done.returncode != 0:
        raise DockerError(f"{argv} exited with {done.returncode}:\n{done.stdout}")
    return done.stdout


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
