"""The project's own compose file, brought up for tests: two executors and an idle orchestrator."""

import json
import os
import subprocess
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.compose.docker import PORT, ROOT, Container, container, docker, run
from tests.harness.deadline import DEADLINE_S

PROGRAMS = "/source/tests/compose/programs"

Compose = Sequence[str]
"""The command that is Compose: `docker compose` or `docker-compose`."""


@dataclass(frozen=True)
class Secrets:
    """Tokens and certificates, as the demonstration makes them."""

    directory: Path

    def options(self, host: str) -> list[str]:
        """Return the `docker run` options that give an executor its token."""
        return ["-v", f"{self.directory}/{host}.token:/run/secrets/telexec_token:ro"]


class Program:
    """A program in the orchestrator's container that reports by lines of JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def next(self) -> Any:
        """Return its next report; the test's own deadline bounds the wait.

        Raises:
            AssertionError: It ended instead.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None
            code = self._process.wait(DEADLINE_S)
            raise AssertionError(f"it ended with {code}:\n{self._process.stderr.read()}")
        return json.loads(line)

    def tell(self, word: str) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()


class Project:
    """Running containers of the compose file."""

    def __init__(self, compose: Compose, name: str, image: str, env: Mapping[str, str]) -> None:
        self.name = name
        self.network = f"{name}_private"
        self._compose = compose
        self._image = image
        self._env = env

    def compose(self, *arguments: str) -> str:
        """Run Compose on the project."""
        files = ["-f", "docker-compose.yml", "-f", "tests/compose/with-programs.yml"]
        return run([*self._compose, "-p", self.name, *files, *arguments], env=self._env)

    def containers(self, service: str) -> list[Container]:
        """Return the containers of a service."""
        return [Container(line) for line in self.compose("ps", "-q", service).split()]

    def service(self, name: str) -> Container:
        """Return the one container of a service."""
        (only,) = self.containers(name)
        return only

    @contextmanager
    def program(
        self, name: str, *arguments: str, inside: Container | None = None
    ) -> Generator[Program]:
        """Run one of `programs/` in the orchestrator's container, or in another, until the end.

        A program that is still there when the block ends is told to end by the end of its input.
        """
        where = (inside or self.service("orchestrator")).name
        path = f"{PROGRAMS}/{name}.py"
        argv = ["docker", "exec", "-i", where, "/opt/telexec/bin/python3", path, *arguments]
        with subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield Program(process)
            finally:
                process.kill()

    def report(self, name: str, *arguments: str) -> Any:
        """Run one of `programs/` to its first report and return that."""
        with self.program(name, *arguments) as program:
            return program.next()

    @contextmanager
    def executor(
        self, *options: str, config: str = "", directory: Path, command: Sequence[str] = ()
    ) -> Generator[Container]:
        """Run one more executor in the network, named `spare`, until the block ends."""
        file = directory / "spare.toml"
        file.write_text(config)
        token = f"{self._env['SECRETS']}/executor-a.token:/run/secrets/telexec_token:ro"
        named = ["--network", self.network, "--network-alias", "spare"]
        given = ["-v", token, "-v", f"{file}:/etc/telexec/config.toml:ro"]
        checked = ["--health-interval", "1s", "-e", "TELEXEC_PLAINTEXT=1"]
        with container(self._image, *named, *given, *checked, *options, command=command) as spare:
            spare.until_healthy()
            yield spare

    @contextmanager
    def orchestrator(self) -> Generator[Container]:
        """Run one more orchestrator in the network until the block ends."""
        token = f"{self._env['SECRETS']}/executor-a.token:/run/secrets/executor_a_token:ro"
        given = ["-v", token, "-v", f"{ROOT}/tests:/source/tests:ro", "-e", "PYTHONPATH=/source"]
        with container(
            self._image,
            *("--network", self.network, "--no-healthcheck", *given),
            command=["sleep", "infinity"],
        ) as spare:
            yield spare


@contextmanager
def running_project(
    compose: Compose, image: str, secrets: Secrets, codex: Path | None, *, scale: int = 1
) -> Generator[Project]:
    """Bring the compose file up, and down again after the block."""
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "IMAGE": image,
        "SECRETS": str(secrets.directory),
        "TESTS": str(ROOT / "tests"),
        # Something must be mounted; only the test that uses it is skipped without a Codex.
        "CODEX_DIRECTORY": str(codex.resolve().parent if codex else secrets.directory),
    }
    project = Project(compose, f"telexec-{uuid.uuid4().hex[:8]}", image, env)
    try:
        project.compose("up", "-d", "--no-build", "--scale", f"executor-a={scale}")
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout", "10")


def make_secrets(image: str, directory: Path) -> Secrets:
    """Make what the demonstration makes."""
    docker(
        *("run", "--rm", "--user", "0:0", "--network", "none", "--entrypoint", "/bin/sh"),
        *("-v", f"{directory}:/secrets", "-v", f"{ROOT}/deploy/demo/make-secrets:/make:ro"),
        *(image, "/make"),
    )
    return Secrets(directory)


URL = f"ws://spare:{PORT}"
"""Where the spare executor is, from inside the network."""
