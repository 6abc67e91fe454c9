"""`deploy/demo/up`, as a user runs it, with each version of Compose."""

import os
import re
import subprocess
from pathlib import Path

from tests.compose.docker import ROOT, docker
from tests.compose.project import Compose

DEADLINE_S = 200.0


def test_one_command_shows_two_executors_at_work(
    each_compose: Compose, image: str, tmp_path: Path
) -> None:
    env = os.environ | {"IMAGE": "of-another-project", "SECRETS": str(tmp_path)}
    if each_compose[0] == "docker-compose":
        # As on a machine that has no plugin.
        env["DOCKER_CONFIG"] = str(tmp_path)
    done = subprocess.run(
        [ROOT / "deploy" / "demo" / "up"],
        capture_output=True,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout
    of_a, of_b = shown.partition("executor-b (wss://executor-b:7333)")[::2]
    assert "REGION=eu-north" in of_a
    assert "BUILD_CACHE=/workspace/cache" in of_a
    assert "REGISTRY_PASSWORD kept from it: hidden" in of_a
    assert "TASK=demo" in of_a
    assert "ACCELERATORS=8" in of_b
    assert "TASK=demo" in of_b
    assert "REGION=us-west" not in shown
    assert "may-know" not in shown
    assert "never-leaves" not in shown
    assert len(re.findall(r" s  executor-[ab]  build: (fetch|compile|test)\n", shown)) == 6
    assert "cannot set LD_PRELOAD" in shown or "LD_PRELOAD" in shown
    assert docker("ps", "-aq", "--filter", "name=telexec-demo") == ""
    assert not (ROOT / "deploy" / "demo" / "secrets").exists()
