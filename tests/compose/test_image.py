"""The image: small, locked down, and without what only its making needed."""

import secrets
import subprocess
from pathlib import Path

import pytest

from tests.compose.docker import COMMAND_DEADLINE_S, ROOT, DockerError, container, docker
from tests.compose.documented import documented_executor
from tests.compose.project import Secrets

MAX_ADDED_BYTES = 80 * 1024 * 1024


def size_of(image: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def label_of(image: str, name: str) -> str:
    template = '{{index .Config.Labels "org.opencontainers.image.%s"}}'
    return docker("image", "inspect", "--format", template % name, image)


def test_it_adds_little_to_its_base(image: str, base: str) -> None:
    assert 0 < size_of(image) - size_of(base) < MAX_ADDED_BYTES


def test_it_says_what_it_is(image: str, base: str) -> None:
    version = docker("run", "--rm", image, "telexec-service", "--version")
    assert version == f"telexec-service {label_of(image, 'version')}"
    assert label_of(image, "title") == "telexec"
    assert label_of(image, "licenses") == "Apache-2.0"
    assert label_of(image, "base.name") == base


@pytest.mark.parametrize("tool", ["gcc", "hatchling", "/opt/telexec/bin/pip"])
def test_what_made_it_is_not_in_it(image: str, tool: str) -> None:
    with pytest.raises(DockerError):
        docker("run", "--rm", image, "sh", "-c", f"command -v {tool}")


def test_it_serves_without_rights_on_a_file_system_that_cannot_be_written(
    image: str, secrets: Secrets
) -> None:
    with container(
        image,
        *("--read-only", "--cap-drop=ALL", "--security-opt", "no-new-privileges"),
        *("--network", "none", "-e", "TELEXEC_PLAINTEXT=1", "--health-interval", "1s"),
        *secrets.options("executor-a"),
    ) as executor:
        executor.until_healthy()
        token = ["--token-file", "/run/secrets/telexec_token"]
        command = ["telexec", "run", "--url", "ws://127.0.0.1:7333", *token, "--", "id", "-un"]
        assert executor.execute(*command) == "telexec"
        status = executor.execute("cat", "/proc/1/status")
        assert "CapEff:\t0000000000000000" in status
        assert "Uid:\t65532\t65532\t65532\t65532" in status


def test_its_first_process_reaps_what_nobody_waits_for(image: str, secrets: Secrets) -> None:
    with container(
        image,
        *("--network", "none", "-e", "TELEXEC_PLAINTEXT=1", "--health-interval", "1s"),
        *secrets.options("executor-a"),
    ) as executor:
        executor.until_healthy()
        executor.execute("sh", "-c", "(true & exec true) & true")
        states = executor.execute("sh", "-c", "cat /proc/[0-9]*/stat")
        assert " Z " not in states


def test_without_tls_it_serves_only_who_asked_for_that(image: str, secrets: Secrets) -> None:
    with pytest.raises(DockerError, match=r"cannot listen on .* without encryption"):
        docker("run", "--rm", "--network", "none", *secrets.options("executor-a"), image)


def test_an_image_of_somebody_else_becomes_an_executor_by_the_recipe(
    image: str, base: str, tmp_path: Path
) -> None:
    text = (ROOT / "docs" / "containers.md").read_text()
    recipe = text.partition("```dockerfile\n")[2].partition("```")[0]
    assert recipe.startswith("FROM your/image\nCOPY --from=telexec ")
    recipe = recipe.replace("your/image", base).replace("--from=telexec ", f"--from={image} ")
    built = docker_build(recipe)
    try:
        (tmp_path / "token").write_text(secrets.token_hex(32))
        with documented_executor("Into your own image", built, tmp_path) as executor:
            assert executor.telexec_run("echo from your image") == "from your image\n"
    finally:
        docker("image", "rm", built)


def docker_build(dockerfile: str) -> str:
    """Build an image from the text of a Dockerfile alone."""
    done = subprocess.run(
        ["docker", "build", "--quiet", "-"],
        capture_output=True,
        check=False,
        input=dockerfile,
        text=True,
        timeout=COMMAND_DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
