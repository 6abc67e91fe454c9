"""Cgroups with the image's C library, which starts a program in its cgroup right away."""

import os
from pathlib import Path

import pytest

from tests.compose.docker import Container, DockerError, container
from tests.harness.cgroup import below, own_cgroup
from tests.harness.deadline import eventually_blocking

URL = "ws://127.0.0.1:7333"


def telexec_run(executor: Container, *argv: str) -> str:
    """Run a program in the container by way of its service."""
    plain = ("env", "-u", "TELEXEC_TOKEN_FILE")
    return executor.execute(*plain, "telexec", "run", "--url", URL, "--", *argv)


@pytest.mark.root
@pytest.mark.parametrize("tells_failures", [True, False], ids=["clone", "launcher"])
def test_a_process_is_in_its_cgroup_with_and_without_the_launcher(
    image: str, tmp_path: Path, *, tells_failures: bool
) -> None:
    # The engine's own profile does not let programs say where a process is to start (clone3(2)).
    profile = ("--security-opt", "seccomp=unconfined") if tells_failures else ()
    config = tmp_path / "config.toml"
    config.write_text('[cgroups]\nparent = "/cgroup"\n')
    neither = tmp_path / "neither"
    neither.write_text("neither a binary nor a script\n")
    for path, mode in ((tmp_path, 0o755), (config, 0o644), (neither, 0o755)):
        os.chmod(path, mode)
    with own_cgroup() as group:
        options = ("--network", "none", "--user", "0", "--health-interval", "1s", *profile)
        mounts = ("--volume", f"{group}:/cgroup", "--volume", f"{tmp_path}:/files:ro")
        flags = ("--listen", URL, "--no-auth", "--config", "/files/config.toml")
        command = ("telexec-service", *flags)
        with container(image, *options, *mounts, command=command) as executor:
            executor.until_healthy()
            place = telexec_run(executor, "grep", "0::", "/proc/self/cgroup")
            assert f"/{group.name}/telexec-" in place
            why = "neither a binary of this host nor a script" if tells_failures else "with 126"
            with pytest.raises(DockerError, match=why):
                telexec_run(executor, "/files/neither")
            eventually_blocking(lambda: len(list(below(group))) == 1)
