"""Docker as a user has it: its command line, and containers that are gone after a test."""

import json
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.deadline import eventually_blocking

ROOT = Path(__file__).parents[2]

COMMAND_DEADLINE_S = 240.0
"""For one command, the making of an image from nothing among them."""

PORT = 7333


class DockerError(AssertionError):
    """A command failed; the text is what it wrote."""


def run(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed; return what it wrote to stdout."""
    done = subprocess.run(
        argv,
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=COMMAND_DEADLINE_S,
    )
    if done.returncode != 0:
        raise DockerError(f"{argv} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def docker(*arguments: str) -> str:
    """Run a docker command that must succeed; return what it wrote to stdout."""
    return run(["docker", *arguments]).strip()


@dataclass(frozen=True)
class Container:
    """A container, by its name or id."""

    name: str

    def inspect(self) -> dict[str, Any]:
        """Return what the engine knows of it."""
        (known,) = json.loads(docker("container", "inspect", self.name))
        return dict(known)

    @property
    def state(self) -> dict[str, Any]:
        """Return how it is: Running, ExitCode, OOMKilled, Health …"""
        return dict(self.inspect()["State"])

    def execute(self, *argv: str) -> str:
        """Run a command in it that must succeed; return what it wrote to stdout."""
        return docker("exec", self.name, *argv)

    def processes(self) -> list[str]:
        """Return the command lines of the processes in it."""
        rows = docker("top", self.name, "-eo", "pid,args").splitlines()[1:]
        return [row.split(None, 1)[1] for row in rows]

    def log(self) -> str:
        """Return what its first process wrote."""
        done = subprocess.run(
            ["docker", "logs", self.name],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_DEADLINE_S,
        )
        return done.stdout

    def until_healthy(self) -> None:
        """Wait until its health check succeeded."""

        def is_healthy() -> bool:
            state = self.state
            if not state["Running"]:
                raise DockerError(f"{self.name} ended:\n{self.log()}")
            return bool(state["Health"]["Status"] == "healthy")

        eventually_blocking(is_healthy, what=f"the health of {self.name}")


@contextmanager
def container(image: str, *options: str, command: Sequence[str] = ()) -> Generator[Container]:
    """Run a container in the background until the block ends."""
    made = Container(docker("run", "--detach", *options, image, *command))
    try:
        yield made
    finally:
        docker("rm", "--force", "--volumes", made.name)
